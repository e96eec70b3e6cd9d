//! The scales of colours.

/// Where colours change: from this percentage on this colour. The first so many are drawn over in
/// white, the rest in black.
pub(super) struct Scale {
    white: usize,
    steps: &'static [(u64, u8)],
}

#[rustfmt::skip]
pub(super) const CPU: Scale = Scale {
    white: 16,
    steps: &[
        (0, 16), (7, 17), (15, 18), (22, 19), (28, 20), (35, 21), (41, 57), (47, 56),
        (53, 55), (59, 54), (65, 53), (71, 52), (77, 88), (83, 124), (89, 160), (95, 196),
    ],
};
#[rustfmt::skip]
pub(super) const MEMORY: Scale = Scale {
    white: 9,
    steps: &[
        (0, 16), (1, 17), (2, 18), (8, 24), (16, 60), (17, 66), (29, 72), (45, 71),
        (48, 107), (50, 107), (52, 108), (57, 144), (67, 150), (69, 186), (72, 180),
        (83, 181), (87, 187), (91, 188), (92, 224), (97, 231),
    ],
};
#[rustfmt::skip]
pub(super) const LOAD: Scale = Scale {
    white: 6,
    steps: &[
        (0, 16), (9, 17), (12, 59), (25, 60), (35, 102), (43, 103), (50, 103), (52, 109),
        (58, 145), (66, 146), (68, 152), (79, 188), (89, 195), (93, 231),
    ],
};

impl Scale {
    /// The style's words and its background.
    pub(super) fn at(&self, percent: f32) -> (String, u8) {
        let percent = percent.clamp(0.0, 100.0) as u64;
        let at = self.steps.partition_point(|(from, _)| *from <= percent).saturating_sub(1);
        let colour = self.steps[at].1;
        let over = if at < self.white { "brightwhite" } else { "black" };
        (format!("#[fg={over},bg=colour{colour}]"), colour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_change_where_the_peer_changes_them() {
        let colours = |scale: &Scale, percent| scale.at(percent).0;
        assert_eq!(colours(&CPU, 40.9), "#[fg=brightwhite,bg=colour21]");
        assert_eq!(colours(&CPU, 41.0), "#[fg=brightwhite,bg=colour57]");
        assert_eq!(colours(&MEMORY, 49.9), "#[fg=brightwhite,bg=colour107]");
        assert_eq!(colours(&MEMORY, 50.0), "#[fg=black,bg=colour107]");
        assert_eq!(colours(&LOAD, 49.0), "#[fg=brightwhite,bg=colour103]");
        assert_eq!(colours(&LOAD, 400.0), "#[fg=black,bg=colour231]");
        assert_eq!(colours(&CPU, f32::NAN), "#[fg=brightwhite,bg=colour16]");
    }
}
