# Completion of adbench for fish.
function __adbench_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (_ADBENCH_TAB=fish $words[1] $words[2..-1] "$current" 2>/dev/null)
    set -l head (string match -r '^.*=' -- $current)
    set -l rest (string replace -r '^.*=' '' -- $current)
    switch "$answer[1]"
        case files
            for path in (__fish_complete_path "$rest")
                echo -- "$head$path"
            end
        case folders
            __fish_complete_directories "$current"
        case '*'
            string replace -r ' (\t|$)' '$1' -- $answer[2..-1]
    end
end
complete -c adbench -f -a '(__adbench_complete)'
