#!/usr/bin/env bash
# @fastify/ajv-compiler 4.0.7 (Fastify 5.12.8, Node 20): two Fastify servers that share one validator builder also share
# the functions of their Ajv options.
#
# One may build `ValidatorCompiler()` once and give it to several servers as
# `schemaController.compilersFactory.buildValidator`, so that tests which start many servers compile each schema only once.
# The builder then keeps one pool of Ajv instances, and finds an instance by the JSON text of the schemas and of the
# options. A JSON text has no functions. So a server whose custom format, or whose keyword, is another function gets the
# instance of the first server, and validates by the function of that one. Nothing warns.
#
# It surprises whoever gives each server its own `formats: { name: (text) => ... }`, such as a list of values that belongs
# to one tenant or one test, and shares the builder for speed. A workaround: add a member to the options that differs in
# JSON, or let the function read what differs through a value that both servers can see.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund fastify@5.12.8 @fastify/ajv-compiler@4.0.7
cat > check.mjs <<'JS'
import AjvCompiler from '@fastify/ajv-compiler'
import fastify from 'fastify'

const body = { type: 'object', properties: { colour: { type: 'string', format: 'colour' } }, required: ['colour'] }

async function statuses(buildValidator, colour) {
  const app = fastify({
    schemaController: buildValidator && { compilersFactory: { buildValidator } },
    ajv: { customOptions: { formats: { colour: (text) => text === colour } } },
  })
  app.post('/', { schema: { body } }, () => 'ok')
  const found = {}
  for (const each of ['red', 'blue']) {
    found[each] = (await app.inject({ method: 'POST', url: '/', payload: { colour: each } })).statusCode
  }
  await app.close()
  return found
}

const shared = AjvCompiler()
const seen = {
  'own builders': [await statuses(undefined, 'red'), await statuses(undefined, 'blue')],
  'one builder': [await statuses(shared, 'red'), await statuses(shared, 'blue')],
}
console.log(JSON.stringify(seen, null, 2))
const expected = {
  'own builders': [{ red: 200, blue: 400 }, { red: 400, blue: 200 }],
  'one builder': [{ red: 200, blue: 400 }, { red: 200, blue: 400 }],
}
if (JSON.stringify(seen) !== JSON.stringify(expected)) {
  console.error('The behaviour has changed.')
  process.exit(1)
}
JS
node check.mjs
