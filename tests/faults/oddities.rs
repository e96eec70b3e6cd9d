//! Odd surroundings, T51–T59: /proc, batteries, locales, clocks, environments, configs, histories.
