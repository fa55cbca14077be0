# bash completion for zctrace

_zctrace_listening()
{
	ss -Hltn 2>/dev/null | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -nu
}

_zctrace_filter='entry root not status method path route host service duration kind protocol
	error client_addr peer_service req_bytes resp_bytes incomplete'

_zctrace()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words= i
	COMPREPLY=()

	# behind --, it is another program's line
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			else
				compopt -o default
			fi
			return
		fi
	done

	# -P8000 without a blank
	if [[ $cur == -P?* ]]; then
		COMPREPLY=($(compgen -W "$(_zctrace_listening | sed 's|^|-P|')" -- "$cur"))
		return
	fi
	# --option=value comes as three words, and so does FORMAT=FILE
	if [[ $cur == = || $prev == = ]]; then
		[[ $cur == = ]] && cur= || prev=${COMP_WORDS[COMP_CWORD-2]}
		case $prev in
		text|brief|json|summary|csv|markdown|waterfall|html|flows|otlp)
			compopt -o default; return ;;
		esac
	fi
	case $prev in
	-P|--port) words=$(_zctrace_listening | sed "s|^|${cur%"${cur##*,}"}|") ;;
	-p|--pid)
		# a name becomes the numbers of its processes
		if [[ $cur == [!0-9]* ]]; then
			COMPREPLY=($(pgrep -- "^$cur"))
			return
		fi
		words=$(cd /proc && printf '%s\n' [0-9]*) ;;
	-c|--comm) words=$(ps -eo comm= 2>/dev/null | sort -u) ;;
	-o|--output)
		words='top text text= brief brief= json json= summary summary= csv csv=
			markdown markdown= waterfall waterfall= html html= flows flows=
			otlp otlp=' ;;
	-i|--interface) words="any $(ls /sys/class/net 2>/dev/null)" ;;
	--role) words='server client both' ;;
	--unmatched) words='heuristic path wildcard' ;;
	--names) words='auto off graphql jsonrpc gen_ai elasticsearch aws connect' ;;
	--capture) words='auto skb packet' ;;
	--color) words='auto always never' ;;
	--sort)
		words='count route method kind service rate errors 4xx 5xx p50 p90 p99 max time'
		words="$words bytes incomplete calls" ;;
	--group)
		words='route service host peer status client system collection destination'
		words="$words runtime container_name header." ;;
	--otlp-signals) words='traces metrics' ;;
	--features) words='network stats' ;;
	--interval|-d|--duration) words='1s 5s 10s 30s 1m 5m' ;;
	-r|--read|-w|--write|-e|--exe) compopt -o default; return ;;
	--cgroup) compopt -o dirnames; return ;;
	-f|--filter) words=$_zctrace_filter ;;
	-n|--count|--since|--until|--route|--header|--body|--slowest|--keep|--memory) return ;;
	--service|--container|--tls-symbol|--prometheus|--namespace|--attributes|--zone) return ;;
	--pod)
		words=$(ls /var/log/pods 2>/dev/null |
			sed -n 's|^\([^_]*\)_\([^_]*\)_.*|\1/\2|p') ;;
	*)
		words='--port= --pid= --comm= --exe= --cgroup= --service= --container= --pod=
			--namespace= --all --role=
			--no-downstream --follow --tls-symbol= --read= --follow-file --write=
			--capture= --interface= --output=
			--filter= --edge --since= --until= --route= --unmatched=
			--header= --body= --names=
			--no-redact --interval= --slowest=
			--unfold --keep= --memory= --otlp --otlp-signals=
			--otlp-skip-instrumented
			--attributes=
			--features= --prometheus= --resolve --zone= --group= --sort=
			--color= --no-mouse
			--count= --duration= --doctor
			--list --stats
			--quiet --verbose --help --usage
			--version
			-P -p -c -e -a -r -w -i -o -f -n -d -q -v -V -?'
		;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -F _zctrace zctrace
