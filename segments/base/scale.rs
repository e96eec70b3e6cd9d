//! Temperature scales, for segments that let the user choose one.

use super::contract::choice;
use super::value::Value;

choice! {
    /// A temperature scale.
    Scale { Celsius = "c", Fahrenheit = "f" }
}

impl Scale {
    /// A temperature in degrees of this scale.
    pub fn of(self, celsius: f64) -> f64 {
        match self {
            Scale::Celsius => celsius,
            Scale::Fahrenheit => celsius * 9.0 / 5.0 + 32.0,
        }
    }

    /// The unit as a sign.
    pub fn sign(self) -> Value {
        match self {
            Scale::Celsius => Value::sign("°C", "°C", "C"),
            Scale::Fahrenheit => Value::sign("°F", "°F", "F"),
        }
    }
}
