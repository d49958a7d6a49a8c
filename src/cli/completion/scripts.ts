/**
 * The scripts that teach a shell to complete ovl's command line. They know nothing of ovl: each asks the program itself,
 * by its hidden word `__complete`, what may follow the words so far, so that they never are out of date.
 */

export const SHELLS = ["bash", "zsh", "fish"] as const
export type Shell = (typeof SHELLS)[number]

/**
 * Bash divides words at `=` and `:` and replaces only what follows the last one, so the words are read off the line, and
 * what stands before is cut off the answers. Descriptions are shown when it lists (COMP_TYPE 63): they are not inserted.
 */
const BASH = `# Completion of ovl for bash. Load it with: source <(ovl completion bash)
_ovl() {
  local line=\${COMP_LINE:0:COMP_POINT} answer words entry word head width=0
  COMPREPLY=()
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  mapfile -t answer < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  case \${answer[0]-} in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$2"); return ;;
    folders) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$2"); return ;;
    programs) mapfile -t COMPREPLY < <(compgen -c -- "$2" | sort -u); return ;;
  esac
  word=\${words[\${#words[@]}-1]}
  head=\${word%"$2"}
  for entry in "\${answer[@]:1}"; do
    word=\${entry%%$'\\t'*}
    word=\${word#"$head"}
    COMPREPLY+=("$word")
    (( \${#word} > width )) && width=\${#word}
  done
  if (( \${#COMPREPLY[@]} == 1 )); then
    [[ \${COMPREPLY[0]} == *[/=] ]] && compopt -o nospace 2>/dev/null
  elif [[ \${COMP_TYPE-} == 63 ]]; then
    COMPREPLY=()
    for entry in "\${answer[@]:1}"; do
      word=\${entry%%$'\\t'*}
      printf -v line '%-*s  %s' "$width" "\${word#"$head"}" "\${entry#*$'\\t'}"
      line=\${line:0:\${COLUMNS:-80}-2}
      COMPREPLY+=("\${line%"\${line##*[![:space:]]}"}")
    done
  fi
  return 0
}
complete -o nosort -F _ovl ovl 2>/dev/null || complete -F _ovl ovl
`

const ZSH = `#compdef ovl
# Completion of ovl for zsh. Load it with: source <(ovl completion zsh)
_ovl() {
  local -a answer described
  local entry word
  answer=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  case "$answer[1]" in
    files) _files; return ;;
    folders) _files -/; return ;;
    programs) _command_names -e; return ;;
  esac
  for entry in "\${(@)answer[2,-1]}"; do
    word="\${entry%%$'\\t'*}"
    described+=("\${word//:/\\\\:}:\${entry#*$'\\t'}")
  done
  if [[ $#described == 1 && "$word" == *[/=] ]]; then
    _describe -V ovl described -S ''
  else
    _describe -V ovl described
  fi
}
if [[ "$funcstack[1]" == _ovl ]]; then
  _ovl "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _ovl ovl
fi
`

const FISH = `# Completion of ovl for fish. Load it with: ovl completion fish | source
function __ovl_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    test (count $typed) -eq 0; and set typed ""
    set -l answer ($words[1] __complete $words[2..-1] $typed 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path "$typed"
        case folders
            __fish_complete_directories "$typed"
        case programs
            __fish_complete_command
        case '*'
            test (count $answer) -gt 1; and printf '%s\\n' $answer[2..-1]
    end
end
complete -c ovl -e
complete -c ovl -f -k -a '(__ovl_complete)'
`

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }
