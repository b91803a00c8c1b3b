import { ConfigurationError } from '../../../src/kernel/config/env.js'
import { explainFailure } from '../../../src/kernel/config/explain-failure.js'
import { t } from '../../helpers/t.js'

const failure = (code: string | undefined, message: string) => Object.assign(new Error(message), { code })

t.test('an error that an operator can correct is one line with the remedy', async (t) => {
  for (const [error, line] of [
    [
      failure('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'),
      'connect ECONNREFUSED 127.0.0.1:1; no server listens',
    ],
    [
      failure('ENOTFOUND', 'getaddrinfo ENOTFOUND db'),
      'getaddrinfo ENOTFOUND db; the host name in DATABASE_URL is unknown',
    ],
    [
      failure('28P01', 'password authentication failed for user "u"'),
      '28P01: password authentication failed for user "u"; the',
    ],
    [failure('3D000', 'database "x" does not exist'), 'create the database that DATABASE_URL names'],
    [failure('42501', 'permission denied for schema public'), 'needs the owner of the database'],
    [failure('57P03', 'the database system is starting up'), '57P03: the database system is starting up'],
    [failure(undefined, 'timeout expired'), 'timeout expired: the server in DATABASE_URL does not answer'],
    [failure('EADDRINUSE', 'listen EADDRINUSE: address already in use :::80'), 'or set another PORT or METRICS_PORT'],
    [new ConfigurationError('PORT: must be a number'), 'PORT: must be a number'],
  ] as const) {
    const told = explainFailure(error) ?? ''
    t.ok(told.includes(line), told)
    t.notMatch(told, /\n/)
  }
  t.notMatch(explainFailure(failure('57P03', 'starting')), /;/, 'no remedy is better than a wrong one')
})

t.test('any other error is a bug, and needs its stack', async (t) => {
  for (const error of [new TypeError('x is not a function'), failure('ERR_INVALID_ARG_TYPE', 'x'), failure('', '')]) {
    t.equal(explainFailure(error), undefined)
  }
})
