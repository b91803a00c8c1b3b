import { createServer } from 'node:http'

/** The service behind all gateways. It answers a kilobyte of JSON. */
const items = Array.from({ length: 8 }, (_, number) => ({
  id: `01a1fba4-5bfa-712a-9ba2-82483bb1651${number}`,
  name: `Ada Adeyemi ${number}`,
  email: `ada.adeyemi${number}@example.com`,
  city: 'Oslo',
}))
const body = Buffer.from(JSON.stringify({ items }))

const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
})
// Longer than a run. If the service closed a connection between two rounds, a gateway would lose time for opening another one.
server.keepAliveTimeout = 600_000
server.listen(Number(process.env.PORT), '127.0.0.1')
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
