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
  if (metadata !== undefined && storedBytes(metadata) > METADATA_BYTES_MAX) {
    errors.push({ pointer: '/metadata', message: `must be at most ${METADATA_BYTES_MAX} bytes of JSON` })
  }
  assertValid(errors)
}

/** A small number as JavaScript writes it, such as `1.5e-7`. */
const SMALL = /^-?(\d)(?:\.(\d+))?e-(\d+)$/

/**
 * The bytes of JSON as PostgreSQL stores and returns it. It writes each digit of a small number: `5e-324` has 326 characters
 * there, so that 16 KiB of such numbers would be a megabyte for each reader.
 */
function storedBytes(value: unknown): number {
  let more = 0
  const json = JSON.stringify(value, (_name, each: unknown) => {
    const [text, , decimals = '', exponent] = (typeof each === 'number' && SMALL.exec(String(each))) || []
    if (text !== undefined) more += '0.'.length + Number(exponent) + decimals.length - text.length
    return each
  })
  return Buffer.byteLength(json) + more
}
