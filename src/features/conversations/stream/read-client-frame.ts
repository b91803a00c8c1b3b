import { Check } from 'typebox/value'
import type { ClientFrame } from '../../../contract/stream-frames.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { CLIENT_FRAMES } from './schema.js'

/**
 * Reads a frame of a client.
 * @throws Problem `malformed_json`, `validation_failed`
 */
export function readClientFrame(text: string): ClientFrame {
  const frame = parse(text)
  const type = (frame as { type?: unknown } | null)?.type
  const schema = type === 'ping' || type === 'typing' ? CLIENT_FRAMES[type] : undefined
  if (schema === undefined) throw invalidField('/type', 'must be one of ping, typing')
  if (!Check(schema, frame))
    throw invalidField('', type === 'typing' ? 'must be {type, is_typing: boolean}' : 'must be {type}')
  return frame as ClientFrame
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Problem('malformed_json', { cause: error })
  }
}
