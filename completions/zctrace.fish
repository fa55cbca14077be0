# fish completion for zctrace

function __zctrace_ports
    ss -Hltn 2>/dev/null | string replace -r '^\S+\s+\S+\s+\S+\s+\S*:(\d+)\s.*' '$1' | sort -nu
end

complete -c zctrace -f
complete -c zctrace -s P -l port -x -a '(__zctrace_ports)' -d 'Services on these ports'
complete -c zctrace -s p -l pid -x -a '(__fish_complete_pids)' -d 'These processes and their children'
complete -c zctrace -s c -l comm -x -d 'Processes of this name'
complete -c zctrace -s e -l exe -r -F -d 'Processes of this executable'
complete -c zctrace -l cgroup -x -a '(__fish_complete_directories)' -d 'Processes of this control group'
complete -c zctrace -l container -x -d 'Processes of this container'
complete -c zctrace -s a -l all -d 'Every process'
complete -c zctrace -l role -x -a 'server client both' -d 'Which ends, with --port'
complete -c zctrace -l no-downstream -d 'Leave out the calls that the services make'
complete -c zctrace -s r -l read -r -F -d 'Replay a recording or a pcap file'
complete -c zctrace -s w -l write -r -F -d 'Record while showing'
complete -c zctrace -l capture -x -a 'auto skb packet' -d 'Backend'
complete -c zctrace -s i -l interface -x -a 'any (__fish_print_interfaces)' -d 'Capture packets'
complete -c zctrace -s o -l output -x -a 'top text json summary' -d 'Format'
complete -c zctrace -s f -l filter -x -d 'Only these spans'
complete -c zctrace -l route -x -d 'A route such as /orders/{id}'
complete -c zctrace -l unmatched -x -a 'heuristic path wildcard' -d 'Paths that no --route matches'
complete -c zctrace -l header -x -d 'Carry this header field in JSON'
complete -c zctrace -l body -x -d 'Carry the first octets of content in JSON'
complete -c zctrace -l no-redact -d 'Show and record secrets'
complete -c zctrace -l interval -x -d 'Period of the summary'
complete -c zctrace -l color -x -a 'auto always never' -d 'Colours in the dashboard'
complete -c zctrace -l sort -x -a 'count route method kind service rate errors p50 p90 p99 max bytes incomplete' -d 'Order of the summary'
complete -c zctrace -s n -l count -x -d 'Stop after so many spans'
complete -c zctrace -s d -l duration -x -d 'Stop after this time'
complete -c zctrace -l stats -d 'Own cost and losses, every second'
complete -c zctrace -s q -l quiet -d 'Only errors on standard error'
complete -c zctrace -s v -l verbose -d 'More about what is attached'
complete -c zctrace -s '?' -l help -d 'Tell the options'
complete -c zctrace -l usage -d 'Tell them in short'
complete -c zctrace -s V -l version -d 'Tell the version'
