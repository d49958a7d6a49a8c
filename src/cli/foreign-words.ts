/**
 * Words that people bring along from docker, consul, k3s, containerlab and ip, and what they are called here: for the hint
 * below an unknown command. They are no aliases; ovl has one name for each thing.
 */

/**
 * One word, or two where the first is no noun of ours: the calls, without `ovl`, that are probably meant. NAME
 * is what follows the word.
 */
export const FOREIGN_WORDS: Readonly<Record<string, readonly string[]>> = {
  // docker
  container: ["ps"],
  containers: ["ps"],
  create: ["network create", "run -d"],
  info: ["status"],
  inspect: ["network inspect NAME", "endpoint inspect NAME", "node inspect NAME"],
  kill: ["stop NAME"],
  networks: ["network ls"],
  port: ["ps"],
  restart: ["run -d"],
  service: ["run -d"],
  start: ["run -d"],
  stats: ["metrics"],
  swarm: ["serve", "join"],
  "swarm init": ["serve"],
  "swarm join": ["join"],
  "swarm join-token": ["token create"],
  "swarm leave": ["leave"],
  workload: ["ps"],
  workloads: ["ps"],
  // consul, etcd
  agent: ["serve", "join"],
  catalog: ["node ls", "network ls"],
  "force-leave": ["node rm NAME"],
  member: ["node ls"],
  members: ["node ls"],
  monitor: ["events -f", "logs"],
  operator: ["raft ls"],
  peer: ["node ls", "raft ls"],
  peers: ["node ls", "raft ls"],
  "raft list-peers": ["raft ls"],
  "raft remove-peer": ["raft rm"],
  "raft transfer-leader": ["raft transfer"],
  servers: ["raft ls"],
  watch: ["events -f", "kv watch"],
  // k3s, containerlab
  check: ["doctor"],
  "check-config": ["doctor"],
  deploy: ["lab up"],
  destroy: ["lab down"],
  server: ["serve", "raft ls"],
  topology: ["graph", "lab up"],
  up: ["lab up", "serve"],
  validate: ["lab validate"],
  verify: ["lab verify"],
  // ip, bridge
  addr: ["endpoint ls"],
  address: ["endpoint ls"],
  bridge: ["network inspect NAME"],
  fdb: ["network inspect NAME"],
  link: ["endpoint ls", "lab link down"],
  neigh: ["network inspect NAME"],
  netns: ["ps", "endpoint ls"],
  route: ["network inspect NAME"],
  // what else comes to mind
  diagnose: ["doctor"],
  endpoints: ["endpoint ls"],
  enter: ["exec -it NAME sh"],
  env: ["config show"],
  error: ["explain"],
  get: ["network ls", "kv get"],
  health: ["status", "doctor"],
  init: ["serve"],
  labs: ["lab ls"],
  list: ["network ls", "ps", "endpoint ls"],
  ls: ["network ls", "ps", "endpoint ls"],
  nodes: ["node ls"],
  put: ["kv put"],
  remove: ["network rm", "rm"],
  save: ["snapshot save"],
  set: ["kv put"],
  shell: ["exec -it NAME sh"],
  show: ["network inspect NAME", "status"],
  tokens: ["token ls"],
  traceroute: ["trace", "ping"],
}

/** Options of docker's that ovl has no like of, and what there is instead. */
export const FOREIGN_OPTIONS: Readonly<Record<string, string>> = {
  "--dns": "names are answered by each network's gateway, others by the host's resolvers",
  "--privileged": "a workload has the rights of whoever runs it",
  "--restart": "a unit of systemd can run `ovl run` and start it again",
  "--rm": "`ovl rm NAME` removes a workload that has ended",
  "--volume": "a workload sees the host's files",
  "--workdir": "a command begins in the caller's directory",
}

/** Other words for a noun's verbs, where the noun has the verb and not the word. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  add: ["create", "put"],
  delete: ["rm", "del"],
  describe: ["inspect"],
  destroy: ["rm", "down"],
  get: ["inspect", "ls"],
  info: ["inspect"],
  init: ["create"],
  list: ["ls"],
  make: ["create", "save"],
  new: ["create"],
  read: ["get"],
  remove: ["rm", "del"],
  rm: ["del"],
  set: ["put"],
  show: ["inspect", "ls"],
  start: ["up"],
  stop: ["down"],
  view: ["inspect"],
  write: ["put"],
}

/**
 * The calls that are probably meant by the words of a line up to the first unknown one, and the one that follows; none
 * where that cannot be said. `has` tells whether there is such a command.
 */
export function callsFor(path: readonly string[], next: string, has: (path: readonly string[]) => boolean): string[] {
  const words = path.join(" ")
  const known = [`${words} ${next}`, words].find((each) => Object.hasOwn(FOREIGN_WORDS, each))
  if (known !== undefined) return FOREIGN_WORDS[known]!.map((call) => call.replace("NAME", () => next || "NAME"))
  const noun = path.slice(0, -1)
  const word = path.at(-1) ?? ""
  if (noun.length === 0 || !Object.hasOwn(VERBS, word)) return []
  const verb = VERBS[word]!.find((each) => has([...noun, each]))
  return verb === undefined ? [] : [[...noun, verb].join(" ")]
}
