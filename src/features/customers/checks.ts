import { isValidPhoneNumber } from 'libphonenumber-js/max'
import { assertValid, type FieldError } from '../../kernel/problems/validation.js'

const METADATA_BYTES_MAX = 16_384
const E164 = /^\+[1-9][0-9]{1,14}$/

interface CheckedFields {
  readonly phone?: string | null
  readonly metadata?: Record<string, unknown>
}

/**
 * Checks what a schema cannot check of a customer: the phone number is possible in E.164 (ITU-T E.164, with the numbering
 * plans of libphonenumber), and the metadata are small.
 *
 * @throws Problem `validation_failed`
 */
export function checkCustomer({ phone, metadata }: CheckedFields): void {
  const errors: FieldError[] = []
  if (typeof phone === 'string' && !(E164.test(phone) && isValidPhoneNumber(phone))) {
    errors.push({ pointer: '/phone', message: 'must be a possible number in E.164, such as +4915112345678' })
  }
  if (metadata !== undefined && Buffer.byteLength(JSON.stringify(metadata)) > METADATA_BYTES_MAX) {
    errors.push({ pointer: '/metadata', message: `must be at most ${METADATA_BYTES_MAX} bytes of JSON` })
  }
  assertValid(errors)
}
