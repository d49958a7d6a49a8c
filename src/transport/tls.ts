/** Node to node over mutual TLS: what the rest of the program uses of it. */
export { type ConnectTlsOptions, connectTls } from "./tls-connect.ts"
export { type ListenTlsOptions, listenTls } from "./tls-listen.ts"
