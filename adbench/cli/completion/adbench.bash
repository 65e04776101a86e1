# Completion of adbench for bash. Bash splits words at "=", so the whole line is handed over.
_adbench() {
    local line
    local -a answer=()
    while IFS= read -r line; do
        answer+=("$line")
    done < <(_ADBENCH_TAB=bash "${1/#\~/$HOME}" "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null)
    COMPREPLY=()
    case ${answer[0]} in
    files) compopt -o default +o nospace ;;
    folders) compopt -o dirnames +o nospace ;;
    *) COMPREPLY=("${answer[@]:1}") ;;
    esac
}
complete -o nospace -F _adbench adbench
