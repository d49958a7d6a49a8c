import { defineCommand } from "../command.ts"
import { SCRIPTS, SHELLS, type Shell } from "../completion/scripts.ts"

export const completion = defineCommand({
  path: ["completion"],
  task: "Look closer",
  summary: "Print the completion script for a shell: bash, zsh or fish",
  details:
    "With it, the tab key completes commands, options and the names of what there is: networks, workloads, nodes, keys. Names are asked of the daemon, so they are there for whoever may use its socket. For one shell: source <(ovl completion bash), and the same of zsh; ovl completion fish | source. For every new one, put the script where the shell looks for it, as below.",
  examples: [
    { what: "bash, for everybody on this host", line: "ovl completion bash | sudo tee /etc/bash_completion.d/ovl" },
    { what: "bash, for yourself", line: "ovl completion bash >> ~/.bashrc" },
    { what: "zsh, in a directory of its own fpath", line: 'ovl completion zsh > "$' + '{fpath[1]}/_ovl"' },
    { what: "fish", line: "ovl completion fish > ~/.config/fish/completions/ovl.fish" },
  ],
  arguments: {
    shell: { name: "SHELL", description: "bash, zsh or fish", required: true, takes: "one", choices: SHELLS },
  },
  options: {},
  async run(context) {
    context.write(SCRIPTS[context.arguments.shell as Shell])
    return 0
  },
})
