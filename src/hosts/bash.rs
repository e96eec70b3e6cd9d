//! bash: a question through the shell's channel before each prompt and no process, or one `print`
//! where there is no channel yet or no daemon answers; the text in a variable that `PS1` names.
//!
//! The channel's directory and files are opened for one question and closed with it, so no child, no
//! subshell and no program executed in the shell's place ever has them. What was opened is looked at
//! (`/dev/fd/N`) before it is used; a directory as `DIR/.`, which waits for no FIFO, and the files in
//! both directions at once, so that neither a dead daemon's broken pipe nor its end of file exists.
//! Each read has a limit of time or length, and what is written fits into the empty pipe that it is
//! written to. Where the directory is, the last `print` said: the rule is not repeated here.
//!
//! The prompt's text is never part of `PS1`: `PS1='${__rainline_ps1-…}'` is expanded once and what
//! that yields is not looked at again, in posix mode too. Where `promptvars` is off nothing is
//! expanded, so there the text itself is `PS1`, with its backslashes doubled, and is set anew before
//! each prompt, and never exported: a shell below would expand it. Posix mode expands whatever
//! `promptvars` says. It also replaces `!` in every prompt string, so there is none in ours.
//!
//! From 5.1 on `PROMPT_COMMAND` is a list whose entries each see the command's own `$?` and
//! PIPESTATUS, so ours stands first and changes nothing for the others. Before that it is one text:
//! what comes after ours still sees `$?`, and the last status of a pipe.
//!
//! The time a command takes is measured without a process and without a DEBUG trap, which belongs
//! to the user: `PS0` is expanded before each command, and an expansion may assign.

use super::{Ability, Host, Ready, Trial, Wiring};
use crate::quote;

pub(super) static HOST: Host = Host {
    name: "bash",
    about: "the prompt: both sides, any number of rows, continuation",
    program: "bash",
    base: None,
    version: "--version",
    how_to_wire: r#"put `eval "$(rainline init bash)"` into ~/.bashrc"#,
    files: &[".bashrc", ".bash_profile", ".profile"],
    marks: &["print prompt all --target=\"$__rl_target\"", "init bash"],
    versioned: false,
    init,
    abilities: |version| {
        vec![
            Ability::from(version, (4, 1), "a prompt of both sides", "from bash 4.1 on"),
            Ability::from(version, (4, 4), "duration and jobs", "from bash 4.4 on (PS0, ${x@P})"),
            Ability::from(
                version,
                (5, 1),
                "the whole PIPESTATUS for your own PROMPT_COMMAND",
                "from bash 5.1 on; before, it sees the last status only",
            ),
            Ability::never("vi's modes", "readline shows them itself: show-mode-in-prompt"),
            Ability::never(
                "redrawing the right side after text was typed over it",
                "readline cannot",
            ),
        ]
    },
    trial: Trial {
        file: "bashrc",
        env: &[],
        argv: &["bash", "--noprofile", "--rcfile", "{file}", "-i"],
        end: &[],
        typed: &["cd /usr/share\n", "false | true\n", "(exit 3)\n"],
        ready: Ready::Still,
    },
};

const LINES: &str = r#"# Rainline. Put this into ~/.bashrc, or this line:  eval "$(rainline init bash)"
if [[ $- == *i* ]] && ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 401)); then
__rainline_version=$((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1]))
__rainline_program=@PROGRAM@
__rainline_empty=
__rainline_began=
__rainline_raw=
if ((__rainline_version >= 500)); then
    # Microseconds, whatever the locale's decimal point is.
    __rainline_ps0='${__rainline_empty:0:$((__rainline_began=10#0${EPOCHREALTIME/[^0-9]/}/1000,0))}'
else
    __rainline_ps0='${__rainline_empty:0:$((__rainline_began=SECONDS*1000,0))}'
fi
__rainline_source='${__rainline_ps1-\$ }'
__rainline_jobs=
if ((__rainline_version >= 404)); then __rainline_jobs='\j'; fi

# This shell and when it started; the directory of its channel and the daemon that answers there, as
# a process told last.
__rainline_self=
__rainline_at=
__rainline_daemon=
__rainline_id=$((1000000000 + RANDOM * 32768 + RANDOM))
__rainline_later=0
# The environment as it was sent last, its text, and at least how many bytes that is.
__rainline_known=
__rainline_environment=
__rainline_size=0

__rainline_know() {
    local IFS=$' \t\n' __rl_stat __rl_pid
    __rainline_self=
    if [[ -r /proc/$$/stat ]] && read -r __rl_stat </proc/$$/stat; then
        __rl_pid=${__rl_stat%% *}
        # The 22nd field; the second is a name that may hold anything.
        read -r -a __rl_stat <<<"${__rl_stat##*) }"
        if [[ ${__rl_stat[19]-} == [0-9]* ]]; then __rainline_self=$__rl_pid-${__rl_stat[19]}; fi
    fi
}

# bash copies the text of a function with each call: what most prompts can do without is in others
# than the prompt's own.

# Writes the environment as printf's %b takes it, \0 after each word.
__rainline_write_environment() {
    local __rl_words=(@CONFIG@ -- @ENVIRONMENT@)
    builtin printf -v __rainline_environment '%s\\0' "${__rl_words[@]//\\/\\\\}"
    # What is not set may be an error.
    if [[ $- != *u* ]]; then __rainline_known=@KNOWN@; fi
    __rainline_measure 2>/dev/null
}
__rainline_measure() {
    local LC_ALL=C
    __rainline_size=${#__rainline_environment}
}

# The time that the last command took, in milliseconds.
__rainline_took() {
    local __rl_now
    if ((__rainline_version >= 500)); then
        __rl_now=$((10#0${EPOCHREALTIME/[^0-9]/} / 1000 - __rainline_began))
    else
        __rl_now=$((SECONDS * 1000 - __rainline_began))
    fi
    # A clock may be set back; and more than forty days are forty days.
    if ((__rl_now < 0)); then __rl_now=0; fi
    if ((__rl_now > 3456000000)); then __rl_now=3456000000; fi
    __rl_more="--duration=$__rl_now\\0"
    __rainline_began=
}

# Waits on behind the answers to what earlier prompts gave up.
__rainline_wait() {
    local __rl_try
    for __rl_try in 1 2 3; do
        case $__rl_ack in
        "$__rainline_id="*) return 0 ;;
        "$__rainline_id"*) return 1 ;;
        '') break ;;
        esac
        builtin read -r -t 0.04 -N 12 -u 9 __rl_ack || __rl_ack=
    done
    # The prompt has waited already, so the process that asks now gets less time.
    __rl_more+='--deadline=20\0'
    __rainline_leave
}

# A daemon is there and does not answer: not asked again for a while.
__rainline_leave() {
    __rainline_later=$((SECONDS + 5))
    return 1
}

# A process asks, and tells where to ask from then on.
__rainline_call() {
    local __rl_out
    __rainline_at=
    # A shell that was restored from a checkpoint is another process than it was.
    __rainline_know 2>/dev/null
    case ${COLUMNS-} in
    [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | [1-9][0-9][0-9][0-9]) __rl_more+="--columns=$COLUMNS" ;;
    esac
    # bash opens a FIFO that it shall run, and waits for who writes to it.
    if [[ -f $__rainline_program && -x $__rainline_program ]] && __rl_out=$("$__rainline_program" print prompt all --target="$__rl_target" --status="$__rl_code" --pipestatus="$__rl_codes" ${__rl_more//\\0/$'\n'}@CONFIG@ --channel="${__rainline_self:-none}"); then
        builtin mapfile -t __rl_lines <<<"$__rl_out"
        if [[ ${__rl_lines[0]} == [1-9]*' /'* ]]; then
            __rainline_daemon=${__rl_lines[0]%% *}
            __rainline_at=${__rl_lines[0]#* }
        fi
    fi
}

# Shows the text: in a variable that PS1 names; where nothing is expanded in PS1 itself, in which
# only backslashes have a meaning.
__rainline_wire() {
    local __rl_text=${__rainline_ps1-$ }
    PS0=${PS0-}
    if [[ $1 == expanded ]]; then
        if [[ $__rainline_raw ]]; then PS1=$__rainline_source; fi
        if [[ $PS0 != *__rainline_began=* ]]; then PS0+=$__rainline_ps0; fi
        __rainline_raw=
    else
        PS1=${__rl_text//\\/\\\\}
        if [[ $__rainline_ps2 ]]; then PS2=${__rainline_ps2//\\/\\\\}; fi
        PS0=${PS0//"$__rainline_ps0"/}
        __rainline_raw=1
        # A shell that is started here may expand it.
        builtin export -n PS1 PS2
    fi
}

__rainline_prompt() {
    local __rl_code=$? __rl_codes="${PIPESTATUS[@]}" IFS=$'\n' __rl_target=bash __rl_more= __rl_ack= __rl_lines= __rl_pwd=${PWD-} __rl_files=/proc/self/fd/8/shell-$__rainline_self
    if [[ ${TERM-dumb} == dumb ]]; then
        __rl_target=plain
    elif [[ ! -o emacs && ! -o vi ]]; then
        # Without readline the marks around escapes would be shown.
        __rl_target=ansi
    fi
    if [[ $__rainline_began ]]; then __rainline_took; fi
    if [[ $__rainline_jobs ]]; then __rl_more+="--jobs=${__rainline_jobs@P}\\0"; fi
    if [[ $__rainline_at && $BASHPID == "$$" && -O /proc/$__rainline_daemon ]] && ((SECONDS >= __rainline_later || SECONDS < __rainline_later - 5)); then
        if [[ $- == *u* || @KNOWN@ != "$__rainline_known" ]]; then __rainline_write_environment; fi
        # What is longer than a pipe takes in one piece is asked by a process.
        if ((__rainline_size + 4 * ${#__rl_pwd} + ${#__rl_codes} < 3500)); then
            ((++__rainline_id))
            {
                # Opening what is missing would make it.
                [[ -d /dev/fd/8 && -O /dev/fd/8 && -p $__rl_files.ask && -p $__rl_files.ack && -f $__rl_files.line ]] && {
                    [[ -p /dev/fd/1 && -O /dev/fd/1 && -p /dev/fd/9 && -O /dev/fd/9 && -f /dev/fd/7 && -O /dev/fd/7 ]] &&
                        # A question that is still unread: the daemon reads none.
                        { if builtin read -t 0 -u 1; then __rainline_leave; fi; } &&
                        builtin printf 'ask %s\0print\0prompt\0all\0--target=%s\0--status=%s\0--pipestatus=%s\0%b%bPWD=%s\0\0' \
                            "$__rainline_id" "$__rl_target" "$__rl_code" "$__rl_codes" "$__rl_more" "$__rainline_environment" "$__rl_pwd" &&
                        { builtin read -r -t 0.04 -N 12 -u 9 __rl_ack || __rl_ack=; } &&
                        { [[ $__rl_ack == "$__rainline_id="* ]] || __rainline_wait; } &&
                        builtin mapfile -t -n 99 -u 7 __rl_lines && [[ ${__rl_lines-} == "$__rainline_id" ]]
                } 1<>"$__rl_files.ask" 9<>"$__rl_files.ack" 7<>"$__rl_files.line"
            } 2>/dev/null 8<"$__rainline_at/." || __rl_lines=()
        fi
    fi
    if [[ -z ${__rl_lines[3]+there} ]]; then __rainline_call; fi
    # A number, the right side (drawn in the prompt's own last row), the continuation, the rows.
    if [[ ${__rl_lines[3]+there} ]]; then
        __rainline_ps2=${__rl_lines[2]}
        __rainline_ps1="${__rl_lines[*]:3}"
    else
        unset __rainline_ps1
        __rainline_ps2=
    fi
    if shopt -q promptvars || [[ -o posix ]]; then
        if [[ $__rainline_raw || ${PS0-} != *__rainline_began=* ]]; then __rainline_wire expanded; fi
        if [[ $__rainline_ps2 ]]; then PS2='${__rainline_ps2-> }'; fi
    else
        __rainline_wire as-it-is
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
    // The directory changes more often than all the rest together, so it is sent apart.
    let names: Vec<&str> =
        rainline_client::environment::names().into_iter().filter(|name| *name != "PWD").collect();
    let known: Vec<String> = names.iter().map(|name| format!("${name}")).collect();
    let lines = LINES.replace("@KNOWN@", &known.join(":"));
    let lines = lines.replace("@ENVIRONMENT@", &super::environment_words(&names));
    super::filled(&lines, wiring, quote::sh)
}
