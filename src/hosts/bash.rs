//! bash: a question through the shell's channel before each prompt and no process, or one `print`
//! where there is no channel yet or nobody answers; the text in a variable that `PS1` names.
//!
//! The channel's files are opened for one question and closed with it, so no child, no subshell and
//! no program executed in the shell's place ever has them; both directions at once, so that neither
//! a dead daemon's broken pipe nor its end of file exists. Each read has a time limit.
//!
//! The prompt's text is never part of `PS1`: `PS1='${__rainline_ps1-…}'` is expanded once and what
//! that yields is not looked at again, in posix mode too. Where `promptvars` is off nothing is
//! expanded, so there the text itself is `PS1`, with its backslashes doubled, and is set anew before
//! each prompt; posix mode expands whatever `promptvars` says.
//!
//! From 5.1 on `PROMPT_COMMAND` is a list whose entries each see the command's own `$?` and
//! PIPESTATUS, so ours stands first and nobody notices. Before that it is one text: others after us
//! still see `$?`, and the last status of a pipe.
//!
//! The time a command takes is measured without a process and without a DEBUG trap, which belongs
//! to the user: `PS0` is expanded before each command, and an expansion may assign.

use super::{Ability, Host, Trial, Whole, Wiring, shell_word};

pub(super) static HOST: Host = Host {
    name: "bash",
    about: "the prompt: both sides, any number of rows, continuation",
    program: "bash",
    base: None,
    version: "--version",
    wired_in: "~/.bashrc",
    files: &[".bashrc", ".bash_profile", ".profile"],
    marks: &["print prompt all \"${__rl_words[@]}\"", "init bash"],
    versioned: false,
    init,
    abilities: |version| {
        vec![
            Ability::from(version, (4, 1), "a prompt of both sides", "from bash 4.1 on"),
            Ability::from(version, (4, 4), "duration and jobs", "from bash 4.4 on (PS0, ${x@P})"),
            Ability::from(
                version,
                (5, 1),
                "PIPESTATUS whole for others' PROMPT_COMMAND",
                "from bash 5.1 on; before, others see the last status only",
            ),
            Ability::never("vi's modes", "readline has a sign of its own: show-mode-in-prompt"),
            Ability::never("a right side that comes back after one typed over it", "readline"),
        ]
    },
    trial: Trial {
        file: "bashrc",
        env: &[],
        argv: &["bash", "--noprofile", "--rcfile", "{file}", "-i"],
        end: &[],
        typed: &["cd /usr/share\n", "false | true\n", "(exit 3)\n"],
        whole: Whole::Still,
    },
};

const LINES: &str = r#"# Rainline. Put this into ~/.bashrc, or this line:  eval "$(rainline init bash)"
if [[ $- == *i* ]] && ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 401)); then
__rainline_version=$((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1]))
__rainline_program=@PROGRAM@
__rainline_empty=
__rainline_began=
if ((__rainline_version >= 500)); then
    # Microseconds, whatever the locale's decimal point is.
    __rainline_ps0='${__rainline_empty:0:$((__rainline_began=10#0${EPOCHREALTIME//[!0-9]/}/1000,0))}'
else
    __rainline_ps0='${__rainline_empty:0:$((__rainline_began=SECONDS*1000,0))}'
fi
__rainline_source='${__rainline_ps1-\$ }'

# This shell and when it started, where the daemon keeps its channel, and who that is.
__rainline_self=
__rainline_at=
__rainline_daemon=
__rainline_id=$((RANDOM * 32768 + RANDOM))
__rainline_wait=0

__rainline_know() {
    local IFS=$' \t\n' __rl_stat
    __rainline_self=
    if [[ -r /proc/$$/stat ]] && read -r __rl_stat </proc/$$/stat; then
        # The 22nd field; the second is a name that may hold anything.
        read -r -a __rl_stat <<<"${__rl_stat##*) }"
        if [[ ${__rl_stat[19]-} == [0-9]* ]]; then __rainline_self=$$-${__rl_stat[19]}; fi
    fi
}
__rainline_know 2>/dev/null

# Whether somebody answers: a process that is there costs no wait to find out.
__rainline_lives() {
    local __rl_dir
    if [[ -z $__rainline_at ]]; then
        for __rl_dir in "${RAINLINE_RUNTIME_DIR:-/run/user/$EUID/rainline}" "${RAINLINE_RUNTIME_DIR:-/tmp/rainline-$EUID}"; do
            if [[ -O $__rl_dir/shells && -O $__rl_dir/shell-$__rainline_self.ask ]]; then
                __rainline_at=$__rl_dir
                break
            fi
        done
        if [[ -z $__rainline_at ]]; then return 1; fi
    fi
    # Opening what is missing would make it.
    if [[ ! -p $__rainline_at/shell-$__rainline_self.ask || ! -p $__rainline_at/shell-$__rainline_self.ack ]]; then
        __rainline_at=
        return 1
    fi
    # As cheap as kill -0, and nothing to complain about.
    if [[ -z $__rainline_daemon || ! -O /proc/$__rainline_daemon ]]; then
        __rainline_daemon=
        if [[ -r $__rainline_at/shells ]]; then
            { read -r __rainline_daemon <"$__rainline_at/shells"; } 2>/dev/null
        fi
        [[ $__rainline_daemon == [1-9]* && -O /proc/$__rainline_daemon ]]
    fi
}

# Asks: words, each ended by NUL, which no word can hold.
__rainline_ask() {
    local IFS=$' \t\n' __rl_all="$*" __rl_ack __rl_try __rl_lines=()
    # What is longer than a pipe takes in one piece is asked by a process.
    if ((${#__rl_all} + $# > 4000)); then return 1; fi
    builtin printf '%s\0' "$@" '' >&8 || return 1
    for __rl_try in 1 2 3 4 5 6 7 8; do
        if ! IFS= builtin read -r -t 0.1 -N 12 -u 9 __rl_ack; then
            # Somebody is there and does not answer: not again for a while.
            __rainline_wait=$((SECONDS + 5))
            return 1
        fi
        case $__rl_ack in
        "$__rainline_id="*)
            builtin mapfile -t __rl_lines <"$__rainline_at/shell-$__rainline_self.line" || return 1
            if [[ ${__rl_lines[0]-} != "$__rainline_id" ]]; then return 1; fi
            IFS=$'\n'
            __rainline_out="${__rl_lines[*]:1}"
            return 0
            ;;
        "$__rainline_id"*) return 1 ;;
        esac
    done
    return 1
}

__rainline_prompt() {
    local __rl_code=$? __rl_codes=("${PIPESTATUS[@]}")
    local IFS=$' \t\n' __rl_target=bash __rl_now __rl_out __rl_jobs='\j' __rl_words=() __rainline_out=
    if [[ ${TERM-dumb} == dumb ]]; then
        __rl_target=plain
    elif [[ ! -o emacs && ! -o vi ]]; then
        # Nobody takes the marks around escapes away.
        __rl_target=ansi
    fi
    __rl_words=(--target="$__rl_target" --status="$__rl_code" --pipestatus="${__rl_codes[*]}")
    if [[ -n $__rainline_began ]]; then
        if ((__rainline_version >= 500)); then
            __rl_now=$((10#0${EPOCHREALTIME//[!0-9]/} / 1000 - __rainline_began))
        else
            __rl_now=$((SECONDS * 1000 - __rainline_began))
        fi
        # A clock may be set back; and more than forty days are forty days.
        if ((__rl_now < 0)); then __rl_now=0; fi
        if ((__rl_now > 3456000000)); then __rl_now=3456000000; fi
        __rl_words+=(--duration="$__rl_now")
        __rainline_began=
    fi
    if ((__rainline_version >= 404)); then
        __rl_words+=(--jobs="${__rl_jobs@P}")
    fi
    case ${COLUMNS-} in
    [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | [1-9][0-9][0-9][0-9]) __rl_words+=(--columns="$COLUMNS") ;;
    esac
    __rl_words+=(@CONFIG@)
    __rl_out=
    if [[ $__rainline_self && $BASHPID == "$$" ]] && ((SECONDS >= __rainline_wait || SECONDS < __rainline_wait - 5)) && __rainline_lives; then
        printf -v __rainline_id %010d $(((10#$__rainline_id + 1) % 10000000000))
        __rainline_ask "ask $__rainline_id" print prompt all "${__rl_words[@]}" --@ENVIRONMENT@ \
            2>/dev/null 8<>"$__rainline_at/shell-$__rainline_self.ask" 9<>"$__rainline_at/shell-$__rainline_self.ack" && __rl_out=$__rainline_out
    fi
    if [[ -z $__rl_out && -x $__rainline_program ]]; then
        __rl_out=$("$__rainline_program" print prompt all "${__rl_words[@]}" ${__rainline_self:+--channel="$__rainline_self"}) || __rl_out=
    fi
    # The right side (drawn in the prompt's own last row), the continuation, the rows.
    __rainline_ps2=
    if [[ $__rl_out == *$'\n'*$'\n'* ]]; then
        __rl_out=${__rl_out#*$'\n'}
        __rainline_ps2=${__rl_out%%$'\n'*}
        __rainline_ps1=${__rl_out#*$'\n'}
    else
        unset __rainline_ps1
    fi
    if shopt -q promptvars || [[ -o posix ]]; then
        if [[ ${__rainline_raw-} ]]; then
            PS1=$__rainline_source
            __rainline_raw=
        fi
        if [[ $__rainline_ps2 ]]; then PS2='${__rainline_ps2-> }'; fi
        if [[ ${PS0-} != *"$__rainline_ps0"* ]]; then PS0=${PS0-}$__rainline_ps0; fi
    else
        # Nothing is expanded here; only backslashes mean something.
        __rainline_raw=1
        __rl_out=${__rainline_ps1-$ }
        PS1=${__rl_out//\\/\\\\}
        if [[ $__rainline_ps2 ]]; then PS2=${__rainline_ps2//\\/\\\\}; fi
        PS0=${PS0-}
        PS0=${PS0//"$__rainline_ps0"/}
    fi
    return "$__rl_code"
}

PS1=$__rainline_source
if [[ ${PROMPT_COMMAND[*]-} != *__rainline_prompt* ]]; then
    if ((__rainline_version >= 501)); then
        if [[ ${PROMPT_COMMAND[*]-} ]]; then
            PROMPT_COMMAND=(__rainline_prompt "${PROMPT_COMMAND[@]}")
        else
            PROMPT_COMMAND=(__rainline_prompt)
        fi
    else
        PROMPT_COMMAND="__rainline_prompt${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND}"
    fi
fi
fi
"#;

fn init(wiring: &Wiring) -> String {
    super::filled(LINES, wiring, shell_word)
}
