import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { SMTPServer } from 'smtp-server'
import type { Test } from 'tap'

/** A mail that a server accepted. */
export interface TakenMail {
  readonly to: readonly string[]
  readonly message: string
}

export interface MailServerOptions {
  /** The reply to an address; undefined accepts it. `tries` counts from 1 for each address. */
  readonly answer?: (address: string, tries: number) => number | undefined
  /** Runs before the server accepts a message. */
  readonly hold?: (address: string) => Promise<void>
  /** The port of an earlier server that is closed. */
  readonly port?: number
}

/** Starts a mail server on loopback that records what it accepts. */
export async function startMailServer(t: Test, { answer, hold, port = 0 }: MailServerOptions = {}) {
  const taken: TakenMail[] = []
  const tries = new Map<string, number>()
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onAuth: ({ username, password }, _session, done) =>
      password === 'PLANTED-smtp-secret' ? done(null, { user: username }) : done(new Error('wrong')),
    onRcptTo({ address }, _session, done) {
      const count = (tries.get(address) ?? 0) + 1
      tries.set(address, count)
      const reply = answer?.(address, count)
      if (reply === undefined) done()
      else done(Object.assign(new Error(`no mail for ${address}`), { responseCode: reply }))
    },
    onData(stream, { envelope }, done) {
      let message = ''
      stream.setEncoding('utf8').on('data', (part: string) => {
        message += part
      })
      const to = envelope.rcptTo.map(({ address }) => address)
      stream.on('end', async () => {
        await hold?.(String(to[0]))
        taken.push({ to, message })
        done()
      })
    },
  })
  server.on('error', () => undefined)
  const bound = await listening(server.server as unknown as Server, port)
  let is_closed = false
  const close = async () => {
    if (is_closed) return
    is_closed = true
    await new Promise<void>((done) => server.close(done))
  }
  t.teardown(close)
  return {
    /** The mails in the order in which the server accepted them. */
    taken,
    /** How often each address was named as a recipient. */
    tries,
    port: bound,
    url: `smtp://gate:PLANTED-smtp-secret@127.0.0.1:${bound}`,
    close,
    /** The mails to an address. */
    to: (address: string) => taken.filter(({ to }) => to.includes(address)),
  }
}

/** Starts a server that accepts connections and never sends a byte. */
export async function startSilentServer(t: Test) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)))
  const port = await listening(server, 0)
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  t.teardown(close)
  return { sockets, port, url: `smtp://127.0.0.1:${port}`, close }
}

async function listening(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
