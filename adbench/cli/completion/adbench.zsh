#compdef adbench
# Completion of adbench for zsh.
_adbench() {
    local line word
    local -a answer done done_shown open open_shown
    answer=("${(@f)$(_ADBENCH_TAB=zsh ${(Q)~words[1]} "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case $answer[1] in
    files) compset -P '*[=,]'; _files; return ;;
    folders) _files -/; return ;;
    esac
    for line in "${(@)answer[2,-1]}"; do
        word=${line%%$'\t'*}
        line=${line/ #$'\t'/  -- }
        if [[ $word == *' ' ]]; then
            done+=("${word% }") done_shown+=("$line")
        else
            open+=("$word") open_shown+=("$line")
        fi
    done
    compadd -l -d done_shown -a done
    compadd -l -S '' -d open_shown -a open
}
if (( ! $+functions[compdef] )); then
    autoload -Uz compinit && compinit
fi
compdef _adbench adbench
