import { problemOf } from './problem'
import { session } from './session'

const NO_LIMIT = undefined

/**
 * Downloads a response as a file. A link could not send the access token, so the response is collected in memory.
 *
 * @param onProgress is called with the bytes that have arrived
 * @throws ApiProblem if the gateway refuses, TypeError if the connection breaks before the end
 */
export async function download(path: string, file_name: string, onProgress: (bytes: number) => void): Promise<void> {
  const response = await session.send(new Request(path), NO_LIMIT)
  if (!response.ok || response.body === null) throw await problemOf(response)
  const chunks: Uint8Array<ArrayBuffer>[] = []
  const reader = response.body.getReader()
  let bytes = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value)
    bytes += part.value.length
    onProgress(bytes)
  }
  save(new Blob(chunks, { type: response.headers.get('content-type') ?? '' }), file_name)
}

function save(content: Blob, file_name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = file_name
  link.click()
  // The browser has taken the content over when the click returns.
  setTimeout(() => URL.revokeObjectURL(link.href), 0)
}
