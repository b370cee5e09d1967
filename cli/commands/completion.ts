/** `narrowgate completion`: the script by which a shell completes this command. */
import { Argument, type Command } from "commander"
import { bashScript } from "../completion/bash.ts"
import { fishScript } from "../completion/fish.ts"
import { placesOf } from "../completion/tree.ts"
import { zshScript } from "../completion/zsh.ts"

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const
type Shell = keyof typeof SCRIPTS

/** Added last, because it covers all commands that exist by then. */
export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print the script by which a shell completes this command")
    .addArgument(new Argument("<SHELL>", "the shell").choices(Object.keys(SCRIPTS)))
    .addHelpText("after", HELP)
    .action((shell: Shell) => {
      process.stdout.write(SCRIPTS[shell](program.name(), placesOf(program)))
    })
}

const HELP = `
Examples:
  source <(narrowgate completion bash)        in ~/.bashrc
  source <(narrowgate completion zsh)         in ~/.zshrc
  narrowgate completion fish | source         in ~/.config/fish/config.fish

In the repository, first define a shell function for the command:
  narrowgate() { ~/narrowgate/node_modules/.bin/node ~/narrowgate/bin/narrowgate.ts "$@"; }
`
