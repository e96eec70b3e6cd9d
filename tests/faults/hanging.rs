//! What hangs or floods, T21–T30: dead mounts, commands without end, peers that never answer.
