/** A UUID in lower case, without anchors: as the database writes one (RFC 9562 section 4). For patterns of schemas. */
export const UUID_PATTERN = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'

/**
 * The one spelling of an id, in requests, cursors and tokens: a UUID in lower case. PostgreSQL reads other spellings as the
 * same id, such as capitals. The audit, the events and the followers compare ids as text, and would take them for another id.
 */
export const LOWER_CASE_UUID = new RegExp(`^${UUID_PATTERN}$`)

/** A UUID in lower or upper case: for `X-TENANT-ID` alone, which the gateway converts to lower case. */
export const ANY_CASE_UUID = new RegExp(`^${UUID_PATTERN}$`, 'i')

/** No object has this id: it stands for none where a key or a comparison needs a value (RFC 9562 section 5.9). */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000'
