//! zsh: one `print` per prompt, from a `precmd` hook.
//!
//! With PROMPT_SUBST the prompt's text in `PROMPT` itself would be run, so there it is
//! `PROMPT='${…}'`; without it the text is `PROMPT`. Which of the two holds is looked up before each
//! prompt. zsh gives every hook the command's own `$?` and pipestatus.

use super::{Ability, Host, Trial, Whole, Wiring, shell_word};

pub(super) static HOST: Host = Host {
    name: "zsh",
    about: "the prompt: both sides, any number of rows, continuation",
    program: "zsh",
    version: "--version",
    wired_in: "~/.zshrc",
    files: &[".zshrc", ".zprofile", ".zshenv"],
    marks: &["print prompt all --target $__rl_target", "init zsh"],
    versioned: false,
    init,
    abilities: |version| {
        vec![
            Ability::from(version, (5, 0), "a prompt of both sides", "from zsh 5.0 on"),
            Ability::there("duration and jobs"),
        ]
    },
    trial: Trial {
        file: "home/.zshrc",
        env: &[("ZDOTDIR", "{dir}/home")],
        argv: &["zsh", "-d", "-i"],
        end: &[],
        typed: &["cd /usr/share\n", "false | true\n", "(exit 3)\n"],
        whole: Whole::Still,
    },
};

const LINES: &str = r#"# Rainline. Put this into ~/.zshrc, or this line:  eval "$(rainline init zsh)"
if [[ -o interactive ]]; then
zmodload zsh/datetime zsh/parameter
typeset -g __rainline_program=@PROGRAM@ __rainline_began= __rainline_left= __rainline_right= __rainline_more=

__rainline_preexec() {
    typeset -g __rainline_began=$EPOCHREALTIME
}

__rainline_precmd() {
    local __rl_code=$? __rl_codes="${(j: :)pipestatus[@]}" __rl_subst=${options[promptsubst]} __rl_percent=${options[promptpercent]} __rl_bang=${options[promptbang]}
    emulate -L zsh
    local __rl_target=zsh __rl_out= __rl_left='%# '
    local -a __rl_more
    if [[ $__rl_percent == off || ${TERM:-dumb} == dumb ]]; then __rl_target=plain; fi
    if [[ -n $__rainline_began ]]; then
        local -i __rl_now=$(( (EPOCHREALTIME - __rainline_began) * 1000 ))
        # A clock may be set back; and more than forty days are forty days.
        if (( __rl_now < 0 )); then __rl_now=0; fi
        if (( __rl_now > 3456000000 )); then __rl_now=3456000000; fi
        __rl_more+=(--duration $__rl_now)
        typeset -g __rainline_began=
    fi
    if [[ $COLUMNS == <1-9999> ]]; then __rl_more+=(--columns $COLUMNS); fi
    if [[ -x $__rainline_program ]]; then
        __rl_out=$("$__rainline_program" print prompt all --target $__rl_target --status $__rl_code --pipestatus "$__rl_codes" --jobs ${#jobstates} "${__rl_more[@]}"@CONFIG@)
    fi
    # The right side, the continuation, the rows.
    typeset -g __rainline_right= __rainline_more=
    if [[ $__rl_out == *$'\n'*$'\n'* ]]; then
        if [[ $__rl_target == plain && $__rl_percent == on ]]; then __rl_out=${__rl_out//\%/%%}; fi
        if [[ $__rl_bang == on ]]; then __rl_out=${__rl_out//\!/!!}; fi
        __rainline_right=${__rl_out%%$'\n'*}
        __rl_out=${__rl_out#*$'\n'}
        __rainline_more=${__rl_out%%$'\n'*}
        __rl_left=${__rl_out#*$'\n'}
    fi
    typeset -g __rainline_left=$__rl_left
    if [[ $__rl_subst == on ]]; then
        PROMPT='${__rainline_left}'
        if [[ -n $__rainline_more ]]; then PROMPT2='${__rainline_more}'; fi
        if [[ -n $__rainline_right ]]; then RPROMPT='${__rainline_right}'; fi
    else
        PROMPT=$__rainline_left
        if [[ -n $__rainline_more ]]; then PROMPT2=$__rainline_more; fi
        if [[ -n $__rainline_right ]]; then RPROMPT=$__rainline_right; fi
    fi
    if [[ -n $__rainline_right ]]; then
        typeset -g __rainline_drew=1
    elif [[ -n ${__rainline_drew-} ]]; then
        RPROMPT=
        typeset -g __rainline_drew=
    fi
}

typeset -ga precmd_functions preexec_functions
precmd_functions=("${(@)precmd_functions:#__rainline_precmd}" __rainline_precmd)
preexec_functions=(__rainline_preexec "${(@)preexec_functions:#__rainline_preexec}")
fi
"#;

fn init(wiring: &Wiring) -> String {
    super::filled(LINES, wiring, shell_word)
}
