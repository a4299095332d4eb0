// An LwM2M client on node-dtls-client and coap-packet: asks to be bootstrapped over DTLS with a pre-shared key, serves
// the bootstrap, prints what it then holds as one JSON document. The exit code is 0 only after an accepted Finish.
//
// This DTLS stack sends a ClientHello without any extension, so without extended master secret (RFC 7627); the report
// shows what was sent. Written from LwM2M Core 1.2 (6.1.7, 7.5, annex E) without a line of the server's code.

'use strict'

const crypto = require('crypto')
const dgram = require('dgram')
const fs = require('fs')
const { parseArgs } = require('util')
const { dtls } = require('node-dtls-client')
const coap = require('coap-packet')

const TLV = 11542
const SENML_JSON = 110

// Types of the resources of Object 0 (Security) and Object 1 (Server) that a bootstrap may carry.
const TYPES = {
  0: { 0: 'string', 1: 'boolean', 2: 'integer', 3: 'opaque', 4: 'opaque', 5: 'opaque', 10: 'integer' },
  1: { 0: 'integer', 1: 'integer', 2: 'integer', 3: 'integer', 5: 'integer', 6: 'boolean', 7: 'string' }
}

const { values: options } = parseArgs({
  options: {
    server: { type: 'string' }, // host:port
    endpoint: { type: 'string' },
    'psk-identity': { type: 'string' },
    'psk-file': { type: 'string' }, // a file that holds hex:...
    cipher: { type: 'string', default: 'TLS_PSK_WITH_AES_128_CCM_8' },
    lwm2m: { type: 'string', default: '1.0' },
    pct: { type: 'string' },
    'bootstrap-instance': { type: 'string', default: '0' }, // where /0 holds the bootstrap account
    limit: { type: 'string', default: '60' } // seconds
  }
})

/** A request that cannot be obeyed, and the CoAP code to answer. */
class Refusal extends Error {
  constructor (code, reason) {
    super(reason)
    this.code = code
  }
}

// ---- what the client holds ------------------------------------------------------------------------------------------

const bootstrapAccount = `/0/${options['bootstrap-instance']}`
const instances = new Map([[bootstrapAccount, { 0: `coaps://${options.server}`, 1: true }], ['/3/0', {}]])
const payloads = {}

function discover () {
  const links = [options.lwm2m === '1.0' ? 'lwm2m="1.0"' : `</>;lwm2m=${options.lwm2m}`]
  for (const [path, resources] of instances) {
    const ssid = path === bootstrapAccount ? undefined : resources[path.startsWith('/0/') ? 10 : 0]
    links.push(`<${path}>` + (ssid === undefined ? '' : `;ssid=${ssid}`))
  }
  return Buffer.from(links.join(','))
}

/** Bootstrap-Delete: the bootstrap account and the Device object stay. */
function remove (path) {
  if (path === bootstrapAccount) throw new Refusal('4.00', 'the bootstrap account must not be deleted')
  for (const held of [...instances.keys()]) {
    const below = path === '/' || held === path || held.startsWith(path + '/')
    if (below && held !== bootstrapAccount && held !== '/3/0') instances.delete(held)
  }
}

/** Bootstrap-Write of one object instance: it is replaced by what the payload holds. */
function write (path, format, payload) {
  const [, object, instance] = /^\/([01])\/(\d+)$/.exec(path) || []
  if (object === undefined) throw new Refusal('4.05', 'this client takes writes of one Security or Server instance')
  if (path === bootstrapAccount) throw new Refusal('4.00', 'the bootstrap account must not be written over')
  const decode = { [TLV]: fromTlv, [SENML_JSON]: fromSenmlJson }[format]
  if (!decode) throw new Refusal('4.15', `content format ${format} is not known`)
  instances.set(path, decode(Number(object), Number(instance), payload))
  payloads[path] = { format, hex: payload.toString('hex') }
}

/** Bootstrap-Finish: refused unless Security and Server instances pair by Short Server ID. */
function finish () {
  const paths = [...instances.keys()].filter(path => path !== bootstrapAccount)
  const accounts = paths.filter(path => path.startsWith('/0/')).map(path => instances.get(path)[10]).sort()
  const servers = paths.filter(path => path.startsWith('/1/')).map(path => instances.get(path)[0]).sort()
  if (accounts.length === 0 || accounts.join() !== servers.join()) {
    throw new Refusal('4.06', `security accounts [${accounts}] do not pair with servers [${servers}]`)
  }
}

// ---- content formats ------------------------------------------------------------------------------------------------

function fromTlv (object, instance, payload) {
  let entries = tlvEntries(payload)
  if (entries.length === 1 && entries[0].kind === 0) {
    if (entries[0].id !== instance) throw new Refusal('4.00', 'another instance stands in the payload')
    entries = tlvEntries(entries[0].value)
  }
  const resources = {}
  for (const { kind, id, value } of entries) {
    if (kind !== 3 || id in resources) throw new Refusal('4.00', `TLV of kind ${kind}, id ${id} is out of place`)
    resources[id] = tlvValue(TYPES[object][id], value)
  }
  return resources
}

function tlvEntries (data) {
  const entries = []
  let at = 0
  const number = width => {
    const value = width === 0 ? 0 : data.readUIntBE(at, width)
    at += width
    return value
  }
  while (at < data.length) {
    const head = number(1)
    const id = number(head & 0x20 ? 2 : 1)
    const width = (head >> 3) & 3
    const length = width === 0 ? head & 7 : number(width)
    if (at + length > data.length) throw new Refusal('4.00', 'TLV longer than what holds it')
    entries.push({ kind: head >> 6, id, value: data.subarray(at, at + length) })
    at += length
  }
  return entries
}

function tlvValue (type, value) {
  switch (type) {
    case 'string':
      return value.toString('utf8')
    case 'boolean':
      if (value.length !== 1 || value[0] > 1) throw new Refusal('4.00', 'not a boolean')
      return value[0] === 1
    case 'integer':
      if (![1, 2, 4].includes(value.length)) throw new Refusal('4.00', `integer of ${value.length} bytes`)
      return value.readIntBE(0, value.length)
    default:
      return { opaque: value.toString('hex') }
  }
}

function fromSenmlJson (object, instance, payload) {
  const field = { string: 'vs', boolean: 'vb', integer: 'v', opaque: 'vd' }
  const resources = {}
  let base = ''
  for (const record of JSON.parse(payload.toString('utf8'))) {
    base = record.bn === undefined ? base : record.bn
    const name = base + (record.n === undefined ? '' : record.n)
    const id = new RegExp(`^/${object}/${instance}/(\\d+)$`).exec(name)
    const carried = Object.keys(record).filter(key => key.startsWith('v'))
    if (!id || carried.length !== 1 || carried[0] !== (field[TYPES[object][id[1]]] || carried[0]) || id[1] in resources) {
      throw new Refusal('4.00', `record ${name} is out of place`)
    }
    const value = record[carried[0]]
    resources[id[1]] = carried[0] === 'vd' ? { opaque: Buffer.from(value, 'base64url').toString('hex') } : value
  }
  return resources
}

// ---- CoAP on the association ----------------------------------------------------------------------------------------

const requests = []
const answered = new Map() // message id of a request -> the bytes that answered it
const asked = { messageId: crypto.randomInt(0x10000), token: crypto.randomBytes(4), accepted: false }

function sendBootstrapRequest () {
  const query = [`ep=${options.endpoint}`].concat(options.pct ? [`pct=${options.pct}`] : [])
  socket.send(coap.generate({
    code: 'POST',
    confirmable: true,
    messageId: asked.messageId,
    token: asked.token,
    options: [{ name: 'Uri-Path', value: Buffer.from('bs') }]
      .concat(query.map(text => ({ name: 'Uri-Query', value: Buffer.from(text) })))
  }))
}

function receive (datagram) {
  const message = coap.parse(datagram)
  if (!message.code.startsWith('0.')) return receiveAnswer(message)
  if (message.code === '0.00') return // an empty acknowledgement or a reset: nothing waits for one
  if (!answered.has(message.messageId)) answered.set(message.messageId, answer(message))
  socket.send(answered.get(message.messageId))
}

function receiveAnswer (message) {
  if (!message.token.equals(asked.token)) return end(`an answer ${message.code} to nothing that was asked`)
  if (message.confirmable) socket.send(coap.generate({ code: '0.00', ack: true, messageId: message.messageId }))
  if (message.code !== '2.04') return end(`/bs was answered ${message.code}`)
  asked.accepted = true
}

/** Obeys one request; the bytes of the piggy-backed response. */
function answer (request) {
  const option = name => request.options.filter(option => option.name === name).map(option => option.value)
  const path = '/' + option('Uri-Path').map(String).join('/')
  const format = option('Content-Format').map(number)[0]
  const method = { '0.01': 'GET', '0.02': 'POST', '0.03': 'PUT', '0.04': 'DELETE' }[request.code]
  let shown = `${method} ${path}` + (format === undefined ? '' : ` ${format}`)
  let response
  try {
    response = obey(method, path, format, option('Accept').map(number)[0], request)
  } catch (error) {
    response = { code: error instanceof Refusal ? error.code : '4.00', payload: Buffer.from(error.message) }
    shown += ` (${error.message})`
  }
  requests.push(`${shown} -> ${response.code}`)
  if (path === '/bs') {
    // The answer to Finish may be lost: the server then asks for it again.
    setTimeout(() => end(response.code === '2.04' ? null : response.payload.toString()), 300)
  }
  return coap.generate({ ...response, ack: true, messageId: request.messageId, token: request.token })
}

function obey (method, path, format, accept, request) {
  if (!asked.accepted) throw new Refusal('4.00', 'an operation came before the answer to /bs')
  if (!request.confirmable || request.token.length === 0) {
    throw new Refusal('4.00', 'operations are confirmable and carry a token')
  }
  if (method === 'POST' && path === '/bs') {
    if (request.payload.length) throw new Refusal('4.00', 'Finish carries nothing')
    finish()
    return { code: '2.04' }
  }
  if (method === 'GET' && path === '/' && accept === 40) {
    return { code: '2.05', options: [{ name: 'Content-Format', value: Buffer.from([40]) }], payload: discover() }
  }
  if (method === 'DELETE') {
    remove(path)
    return { code: '2.02' }
  }
  if (method === 'PUT') {
    write(path, format, request.payload)
    return { code: '2.04' }
  }
  throw new Refusal('4.05', `${method} is not for ${path}`)
}

/** The unsigned integer in an option's value, which is empty for zero. */
function number (value) {
  return value.length ? value.readUIntBE(0, value.length) : 0
}

// ---- the run --------------------------------------------------------------------------------------------------------

let clientHello = null

/** What stands in the first datagram that leaves: cipher suites and extensions of the ClientHello (RFC 6347, 4.2). */
function readClientHello (datagram) {
  let at = 13 + 12 + 2 + 32 // record header, handshake header, version, random
  at += 1 + datagram[at] // session id
  at += 1 + datagram[at] // cookie
  const suites = datagram.subarray(at + 2, at + 2 + datagram.readUInt16BE(at))
  at += 2 + suites.length
  at += 1 + datagram[at] // compression methods
  const extensions = []
  const end = at + 2 <= datagram.length ? at + 2 + datagram.readUInt16BE(at) : at
  for (at += 2; at < end; at += 4 + datagram.readUInt16BE(at + 2)) extensions.push(datagram.readUInt16BE(at))
  return { cipher_suites: suites.toString('hex').match(/.{4}/g), extensions }
}

const send = dgram.Socket.prototype.send
dgram.Socket.prototype.send = function (datagram, ...rest) {
  clientHello = clientHello || readClientHello(datagram)
  return send.call(this, datagram, ...rest)
}

function end (failure) {
  const sorted = [...instances].sort(([a], [b]) => a < b ? -1 : 1)
  const version = name => `${name} ${require(`${name}/package.json`).version}`
  const report = {
    client: ['node-dtls-client', 'coap-packet'].map(version),
    client_hello: clientHello,
    failure,
    requests,
    instances: Object.fromEntries(sorted),
    payloads
  }
  process.stdout.write(JSON.stringify(report, null, 1) + '\n', () => process.exit(failure ? 1 : 0))
}

const key = Buffer.from(fs.readFileSync(options['psk-file'], 'ascii').trim().replace(/^hex:/, ''), 'hex')
const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(options.server)
process.on('uncaughtException', error => end(error.stack))
setTimeout(() => end(`no Finish within ${options.limit} s`), options.limit * 1000)
const socket = dtls.createSocket({
  type: host.includes(':') ? 'udp6' : 'udp4',
  address: host,
  port: Number(port),
  psk: { [options['psk-identity']]: key },
  ciphers: [options.cipher],
  timeout: options.limit * 1000
})
socket.on('connected', sendBootstrapRequest)
socket.on('message', receive)
socket.on('error', error => end(error.message))
socket.on('close', () => end('the server closed the association'))
