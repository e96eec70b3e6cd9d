//! zsh: a question through the shell's channel before each prompt, from a `precmd` hook, and no
//! process; one `print` where there is no channel yet or no daemon answers.
//!
//! The descriptors of the channel are close-on-exec and known to this shell only. They are opened
//! without waiting and looked at (`/dev/fd/N`: type, owner) before they are used: first that of the
//! directory, which the last `print` named (as `DIR/.`, which waits for no FIFO), then the files from
//! there, in both directions at once. Each read has a limit of time or length, and a question is
//! written only where the pipe has room for it. While a prompt is shown zsh looks at the channel
//! itself (`zle -F`), so what was read late appears by itself.
//!
//! A change between vi's insert and normal mode asks again through the channel, or not at all: there
//! it must not cost a process. The user's own `zle-keymap-select` is called before ours. What `main`
//! is linked to is in no variable: it is looked up once, at the first prompt, and then followed.
//!
//! With PROMPT_SUBST the prompt's text in `PROMPT` itself would be run, so there it is
//! `PROMPT='${…}'`; without it the text is `PROMPT`, with escapes for what would be run if the option were
//! set before the prompt is drawn again. Without PROMPT_PERCENT there are no escapes, so `·` stands for it.
//! Which of these hold is looked up before each prompt. zsh gives every hook the command's own `$?` and
//! pipestatus.

use super::{Ability, Host, Ready, Trial, Wiring};
use crate::quote;

pub(super) static HOST: Host = Host {
    name: "zsh",
    about: "the prompt: both sides, any number of rows, continuation",
    program: "zsh",
    base: None,
    version: "--version",
    how_to_wire: r#"put `eval "$(rainline init zsh)"` into ~/.zshrc"#,
    files: &[".zshrc", ".zprofile", ".zshenv"],
    marks: &["print prompt all \"${__rl_words[@]}\"", "init zsh"],
    versioned: false,
    init,
    abilities: |version| {
        vec![
            Ability::from(version, (5, 0), "a prompt of both sides", "from zsh 5.0 on"),
            Ability::there("duration and jobs"),
            Ability::from(version, (5, 3), "vi's modes at once", "from zsh 5.3 on"),
        ]
    },
    trial: Trial {
        file: "home/.zshrc",
        env: &[("ZDOTDIR", "{dir}/home")],
        argv: &["zsh", "-d", "-i"],
        end: &[],
        typed: &["cd /usr/share\n", "false | true\n", "(exit 3)\n"],
        ready: Ready::Still,
    },
};

const LINES: &str = r#"# Rainline. Put this into ~/.zshrc, or this line:  eval "$(rainline init zsh)"
if [[ -o interactive ]]; then
zmodload zsh/datetime zsh/parameter zsh/zleparameter
typeset -g __rainline_program=@PROGRAM@ __rainline_began= __rainline_left= __rainline_right= __rainline_more=
# This shell and when it started; the directory of its channel and the daemon that answers there, as
# a process told last; what of it is open.
typeset -g __rainline_self= __rainline_at= __rainline_daemon= __rainline_asks= __rainline_acks= __rainline_lines=
typeset -g __rainline_late= __rainline_id=$(( RANDOM * 32768 + RANDOM )) __rainline_wait=0 __rainline_out= __rainline_how= __rainline_main=
typeset -ga __rainline_words

__rainline_know() {
    emulate -L zsh
    local __rl_stat
    typeset -g __rainline_self=
    if [[ -r /proc/$$/stat ]] && zmodload zsh/system zsh/zselect 2>/dev/null; then
        __rl_stat=$(</proc/$$/stat)
        # The 22nd field; the second is a name that may hold anything.
        typeset -g __rainline_self=${__rl_stat%% *}-${${=__rl_stat##*\) }[20]}
    fi
}

__rainline_preexec() {
    typeset -g __rainline_began=$EPOCHREALTIME
}

# Opens a file of the channel, if it is one of this type (a letter of a test) and ours.
__rainline_open_one() {
    emulate -L zsh
    sysopen -rw -o cloexec,nofollow -u $1 $2 2>/dev/null || return
    builtin test -$3 /dev/fd/${(P)1} && [[ -O /dev/fd/${(P)1} ]]
}

__rainline_open() {
    emulate -L zsh
    [[ -n $__rainline_acks ]] && return
    local __rl_dir= __rl_files
    sysopen -r -o cloexec -u __rl_dir $__rainline_at/. 2>/dev/null || return
    __rl_files=/proc/self/fd/$__rl_dir/shell-$__rainline_self
    if [[ -d /dev/fd/$__rl_dir && -O /dev/fd/$__rl_dir ]] &&
        __rainline_open_one __rainline_asks $__rl_files.ask p &&
        __rainline_open_one __rainline_lines $__rl_files.line f &&
        __rainline_open_one __rainline_acks $__rl_files.ack p; then
        zle -F -w $__rainline_acks __rainline_repaint
    else
        __rainline_close
    fi
    exec {__rl_dir}>&-
    [[ -n $__rainline_acks ]]
}

__rainline_close() {
    emulate -L zsh
    if [[ -n $__rainline_acks ]]; then zle -F $__rainline_acks 2>/dev/null; exec {__rainline_acks}>&-; fi
    if [[ -n $__rainline_lines ]]; then exec {__rainline_lines}>&-; fi
    if [[ -n $__rainline_asks ]]; then exec {__rainline_asks}>&-; fi
    typeset -g __rainline_acks= __rainline_lines= __rainline_asks= __rainline_at= __rainline_daemon=
}

# A daemon is there and does not answer: not asked again for a while.
__rainline_leave() {
    emulate -L zsh
    __rainline_close
    typeset -g __rainline_wait=$(( EPOCHSECONDS + 5 ))
    return 1
}

# The line that was announced, if it is the one that was asked for.
__rainline_load() {
    emulate -L zsh
    setopt nomultibyte
    local __rl_text=
    sysseek -u $__rainline_lines 0 && sysread -s 65536 -i $__rainline_lines __rl_text || return
    # What fills all that is read may go on.
    [[ ${__rl_text%%$'\n'*} == $__rainline_id ]] && (( ${#__rl_text} < 65536 )) || return
    while [[ $__rl_text == *$'\n' ]]; do __rl_text=${__rl_text%$'\n'}; done
    typeset -g __rainline_out=${__rl_text#*$'\n'}
}

# Asks through the channel: words, each ended by NUL, which no word can hold.
__rainline_ask() {
    emulate -L zsh
    setopt nomultibyte
    [[ -n $__rainline_at ]] && (( EPOCHSECONDS >= __rainline_wait || EPOCHSECONDS < __rainline_wait - 5 )) || return
    # Whether the daemon's process exists is known without waiting.
    if ! builtin kill -0 $__rainline_daemon 2>/dev/null || ! __rainline_open; then
        __rainline_close
        return 1
    fi
    typeset -g __rainline_id=$(( (__rainline_id + 1) % 10000000000 ))
    typeset -g __rainline_id=${(l:10::0:)__rainline_id}
    local __rl_nul=$'\0' __rl_ack
    local -a __rl_words
    __rl_words=(print prompt all "${@//$__rl_nul/}" --@ENVIRONMENT@)
    __rl_words=("watch $__rainline_id" "${__rl_words[@]//$__rl_nul/}" "" "")
    local __rl_all="${(pj:\0:)__rl_words}"
    # What is longer than a pipe takes in one piece is asked by a process.
    (( ${#__rl_all} <= 4096 )) || return
    local -a __rl_ready
    if ! zselect -t 0 -a __rl_ready -w $__rainline_asks || ! syswrite -o $__rainline_asks -- "$__rl_all" 2>/dev/null; then
        __rainline_leave
        return
    fi
    repeat 4; do
        if ! sysread -t 0.04 -s 4096 -i $__rainline_acks __rl_ack; then
            # The prompt has waited already, so the process that asks now gets less time.
            typeset -g __rainline_late=--deadline=20
            __rainline_leave
            return
        fi
        case ${__rl_ack[-12,-2]} in
        "$__rainline_id"[=*]) __rainline_load; return ;;
        "$__rainline_id"*) return 1 ;;
        esac
    done
    return 1
}

# A reading came after the prompt was drawn.
__rainline_repaint() {
    local __rl_subst=${options[promptsubst]}
    emulate -L zsh
    setopt nomultibyte
    local __rl_ack
    if [[ -n ${2-} ]] || ! sysread -t 0 -s 4096 -i $1 __rl_ack; then
        __rainline_close
        return
    fi
    if [[ ${__rl_ack[-12,-2]} == "$__rainline_id*" ]] && __rainline_load; then
        __rainline_show $__rl_subst
        zle reset-prompt
    fi
}

# Vi's mode changed: the same question again, if it costs no process.
__rainline_keymap() {
    local __rl_subst=${options[promptsubst]}
    emulate -L zsh
    local __rl_before=$__rainline_out __rl_keymap=$KEYMAP
    # Only vi's keys change the keymap.
    if [[ $__rainline_main != vi* ]]; then typeset -g __rainline_main=viins; fi
    if [[ $__rl_keymap == main ]]; then __rl_keymap=$__rainline_main; fi
    if __rainline_ask "${__rainline_words[@]}" --keymap=$__rl_keymap && [[ $__rainline_out != "$__rl_before" ]]; then
        __rainline_show $__rl_subst
        zle reset-prompt
    fi
    return 0
}

# Hooks into changes of vi's modes, beside other hooks of the user's.
__rainline_hook() {
    emulate -L zsh
    local -a __rl_chain
    case ${widgets[zle-keymap-select]-} in
    user:__rainline_keymap) return ;;
    user:azhw:*)
        zstyle -a zle-keymap-select widgets __rl_chain
        if (( ${__rl_chain[(I)*:__rainline_keymap]} )); then return; fi
        ;;
    esac
    if (( ${+functions[add-zle-hook-widget]} )) || autoload -Uz +X add-zle-hook-widget 2>/dev/null; then
        add-zle-hook-widget keymap-select __rainline_keymap
    elif (( ! ${+widgets[zle-keymap-select]} )); then
        zle -N zle-keymap-select __rainline_keymap
    fi
}

# Takes the right side, the continuation and the rows apart and sets them.
__rainline_show() {
    emulate -L zsh
    local __rl_out=$__rainline_out __rl_left='%# '
    typeset -g __rainline_right= __rainline_more=
    if [[ $__rl_out == *$'\n'*$'\n'* ]]; then
        if [[ $__rainline_how == *percent* ]]; then __rl_out=${__rl_out//\%/%%}; fi
        if [[ $__rainline_how == *bang* ]]; then __rl_out=${__rl_out//\!/!!}; fi
        __rainline_right=${__rl_out%%$'\n'*}
        __rl_out=${__rl_out#*$'\n'}
        __rainline_more=${__rl_out%%$'\n'*}
        __rl_left=${__rl_out#*$'\n'}
    fi
    typeset -g __rainline_left=$__rl_left
    if [[ $1 == on ]]; then
        PROMPT='${__rainline_left}'
        if [[ -n $__rainline_more ]]; then PROMPT2='${__rainline_more}'; fi
        if [[ -n $__rainline_right ]]; then RPROMPT='${__rainline_right}'; fi
    else
        # PROMPT_SUBST may be set, and the prompt drawn again, before the next one is made: these mean the
        # same with it and without. `$` before a full stop names nothing; a backslash is cut off at the left.
        local __rl_backslash='%1<<\\%<<' __rl_dollar='%(?.$.$)' __rl_backtick='%1<<\`%<<'
        local -a __rl_texts
        __rl_texts=("$__rainline_left" "$__rainline_more" "$__rainline_right")
        if [[ $__rainline_how == *literal* ]]; then
            # No escapes with PROMPT_PERCENT off: only a sign before a blank, which names nothing, stays.
            local __rl_sign='$ ' __rl_kept=$'\1'
            __rl_texts=("${(@)__rl_texts//$__rl_sign/$__rl_kept}")
            __rl_texts=("${(@)__rl_texts//[\$\`]/·}")
            __rl_texts=("${(@)__rl_texts//$__rl_kept/$__rl_sign}")
        else
            __rl_texts=("${(@)__rl_texts//\\/$__rl_backslash}")
            __rl_texts=("${(@)__rl_texts//\$/$__rl_dollar}")
            __rl_texts=("${(@)__rl_texts//\`/$__rl_backtick}")
        fi
        PROMPT=$__rl_texts[1]
        if [[ -n $__rainline_more ]]; then PROMPT2=$__rl_texts[2]; fi
        if [[ -n $__rainline_right ]]; then RPROMPT=$__rl_texts[3]; fi
    fi
    if [[ -n $__rainline_right ]]; then
        typeset -g __rainline_drew=1
    elif [[ -n ${__rainline_drew-} ]]; then
        RPROMPT=
        typeset -g __rainline_drew=
    fi
}

__rainline_precmd() {
    local __rl_code=$? __rl_codes="${(j: :)pipestatus[@]}" __rl_subst=${options[promptsubst]} __rl_percent=${options[promptpercent]} __rl_bang=${options[promptbang]}
    emulate -L zsh
    local __rl_target=zsh
    local -a __rl_words
    if [[ $__rl_percent == off || ${TERM:-dumb} == dumb ]]; then __rl_target=plain; fi
    __rl_words=(--target=$__rl_target --status=$__rl_code "--pipestatus=$__rl_codes" --jobs=${#jobstates})
    if [[ -n $__rainline_began ]]; then
        local -i __rl_now=$(( (EPOCHREALTIME - __rainline_began) * 1000 ))
        # A clock may be set back; and more than forty days are forty days.
        if (( __rl_now < 0 )); then __rl_now=0; fi
        if (( __rl_now > 3456000000 )); then __rl_now=3456000000; fi
        __rl_words+=(--duration=$__rl_now)
        typeset -g __rainline_began=
    fi
    if [[ $COLUMNS == <1-9999> ]]; then __rl_words+=(--columns=$COLUMNS); fi
    __rl_words+=(@CONFIG@)
    __rainline_words=("${__rl_words[@]}")
    if [[ -z $__rainline_main ]]; then typeset -g __rainline_main=${${=$(bindkey -lL main)}[3]-none}; fi
    if [[ $__rainline_main == vi* ]]; then __rl_words+=(--keymap=$__rainline_main); fi
    typeset -g __rainline_out= __rainline_how= __rainline_late=
    if [[ $__rl_percent == off ]]; then __rainline_how+=literal; elif [[ $__rl_target == plain ]]; then __rainline_how+=percent; fi
    if [[ $__rl_bang == on ]]; then __rainline_how+=bang; fi
    if ! __rainline_ask "${__rl_words[@]}" && [[ -f $__rainline_program && -x $__rainline_program ]]; then
        __rainline_close
        # A shell that was restored from a checkpoint is another process than it was.
        __rainline_know
        __rainline_out=$("$__rainline_program" print prompt all "${__rl_words[@]}" $__rainline_late --channel=${__rainline_self:-none})
        # Its first row says where to ask from then on.
        local __rl_place=${__rainline_out%%$'\n'*}
        __rainline_out=${__rainline_out#*$'\n'}
        if [[ $__rl_place == <1->\ /* ]]; then
            typeset -g __rainline_daemon=${__rl_place%% *} __rainline_at=${__rl_place#* }
        fi
    fi
    __rainline_show $__rl_subst
    __rainline_hook
}

zle -N __rainline_repaint
zle -N __rainline_keymap
typeset -ga precmd_functions preexec_functions
precmd_functions=("${(@)precmd_functions:#__rainline_precmd}" __rainline_precmd)
preexec_functions=(__rainline_preexec "${(@)preexec_functions:#__rainline_preexec}")
fi
"#;

fn init(wiring: &Wiring) -> String {
    super::filled(LINES, wiring, quote::sh)
}
