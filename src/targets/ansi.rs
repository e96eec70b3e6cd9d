use super::Target;
use crate::width::Policy;
pub static TARGET: Target = Target {
    name: "ansi",
    about: "",
    adapts_colour: false,
    policy: |_| Policy::Wcwidth,
    encode: |_, _, _| (),
};
