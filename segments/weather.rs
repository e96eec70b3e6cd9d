//! The weather at a place, from a service on the web: temperature in degrees Celsius or Fahrenheit,
//! wind in km/h, humidity in percent.
//!
//! The service is asked by `curl`, only if this segment is on a line *and* has a place, and at most
//! every quarter of an hour. It receives the place to a hundredth of a degree, about a kilometre.
//! The answer is JSON in the form of Open-Meteo (open-meteo.com/en/docs), which needs no key;
//! another service with that form may be chosen.

use std::time::Duration;

use serde::Deserialize;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::http_cache::HttpCache;
use crate::base::scale::Scale;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, is_url};

options! {
    /// Latitude and longitude in degrees, such as `52.52, 13.41`; empty: no service is asked and
    /// nothing is shown.
    place: String = "",
    /// Degrees Celsius or Fahrenheit.
    unit: Scale = Scale::Celsius,
    /// The address of the service.
    url: String = "https://api.open-meteo.com/v1/forecast",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "weather",
    about: "The weather at a place, from a service on the web.",
    icons: Icons { nerd: "\u{f0590}", unicode: "", ascii: "" },
    format: " $sign $temperature.num(w:1)$unit ",
    fields: &[
        Field::new("temperature", "temperature of the air, in `unit`", Unit::Celsius),
        Field::new("feels", "apparent temperature, in `unit`", Unit::Celsius),
        Field::new("unit", "°C or °F", Unit::Text),
        Field::new("sky", "`clear`, `cloudy`, `rain`, …", Unit::Text),
        Field::new("sign", "the sky as a sign", Unit::Text),
        Field::new("humidity", "humidity of the air", Unit::Percent),
        Field::new("wind", "speed of the wind in km/h", Unit::Count),
        Field::new("history", "history of the temperature", Unit::History("temperature")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(900)),
    priority: 20,
    open,
};

/// The values that are asked for.
const WANTED: &str = "temperature_2m,apparent_temperature,relative_humidity_2m,weather_code,\
    wind_speed_10m,is_day";

/// Weather codes (WMO) as Open-Meteo uses them: the last code of each kind, its name, its sign at
/// each glyph level.
const SKIES: [(u32, &str, [&str; 3]); 9] = [
    (0, "clear", ["\u{f0599}", "☼", "clear"]),
    (2, "fair", ["\u{f0595}", "☼", "fair"]),
    (3, "cloudy", ["\u{f0590}", "☁", "cloudy"]),
    (48, "fog", ["\u{f0591}", "☁", "fog"]),
    (57, "drizzle", ["\u{f0597}", "☂", "drizzle"]),
    (67, "rain", ["\u{f0597}", "☂", "rain"]),
    (77, "snow", ["\u{f0598}", "❄", "snow"]),
    (82, "showers", ["\u{f0596}", "☂", "showers"]),
    (86, "snow", ["\u{f0598}", "❄", "snow"]),
];
/// Codes above all of those.
const STORM: (&str, [&str; 3]) = ("storm", ["\u{f0593}", "↯", "storm"]);
/// A clear sky at night.
const NIGHT: [&str; 3] = ["\u{f0594}", "☽", "clear"];

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    let wrong = |key: &str, message| OptionError { key: key.into(), message };
    if !is_url(&options.url) {
        return Err(wrong("url", format!("{:?} is not a web address", options.url)));
    }
    let fetched = match options.place.trim() {
        "" => None,
        place => {
            let Some((latitude, longitude)) = degrees(place) else {
                let message = format!("{place:?} is not a place; a valid one is \"52.52, 13.41\"");
                return Err(wrong("place", message));
            };
            let mark = if options.url.contains('?') { '&' } else { '?' };
            let url = format!(
                "{}{mark}latitude={latitude:.2}&longitude={longitude:.2}&current={WANTED}",
                options.url
            );
            Some(HttpCache::new(url, "", read))
        }
    };
    Ok(Box::new(Weather { unit: options.unit, fetched }))
}

/// Latitude and longitude.
fn degrees(place: &str) -> Option<(f64, f64)> {
    let (latitude, longitude) = place.split_once(',')?;
    let (latitude, longitude) = (latitude.trim().parse().ok()?, longitude.trim().parse().ok()?);
    let fits = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    fits.then_some((latitude, longitude))
}

struct Weather {
    unit: Scale,
    /// `None` without a place.
    fetched: Option<HttpCache<Now>>,
}

#[derive(Deserialize)]
struct Forecast {
    current: Now,
}

/// The current weather.
#[derive(Debug, Deserialize, PartialEq)]
struct Now {
    /// °C.
    #[serde(rename = "temperature_2m")]
    temperature: f64,
    #[serde(rename = "apparent_temperature")]
    feels: Option<f64>,
    #[serde(rename = "relative_humidity_2m")]
    humidity: Option<f64>,
    weather_code: Option<u32>,
    /// km/h.
    #[serde(rename = "wind_speed_10m")]
    wind: Option<f64>,
    /// 0 at night.
    is_day: Option<u32>,
}

/// Parses an answer. A temperature that no place on Earth ever had is refused.
fn read(text: &str) -> Option<Now> {
    let Forecast { current } = serde_json::from_str(text).ok()?;
    (-95.0..65.0).contains(&current.temperature).then_some(current)
}

impl Source for Weather {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let Some(fetched) = &mut self.fetched else { return Ok(None) };
        let now = fetched.get(machine)?;
        let sky = now.weather_code.map(|code| {
            let known = SKIES.iter().find(|(last, ..)| code <= *last);
            known.map_or(STORM, |(_, name, signs)| (*name, *signs))
        });
        let level = match sky {
            Some((name, _)) if name == STORM.0 => Level::Warning,
            _ => Level::Idle,
        };
        let mut sample = Sample::new(level)
            .with("temperature", Value::number(self.unit.of(now.temperature)))
            .with("unit", self.unit.sign());
        if let Some((name, signs)) = sky {
            let night = name == SKIES[0].1 && now.is_day == Some(0);
            let [nerd, unicode, ascii] = if night { NIGHT } else { signs };
            sample = sample
                .with("sky", Value::text(name))
                .with("sign", Value::sign(nerd, unicode, ascii));
        }
        let feels = now.feels.filter(|feels| (-150.0..150.0).contains(feels));
        let humidity = now.humidity.filter(|percent| (0.0..=100.0).contains(percent));
        let wind = now.wind.filter(|wind| (0.0..1000.0).contains(wind));
        Ok(Some(
            sample
                .with_some("feels", feels.map(|feels| Value::number(self.unit.of(feels))))
                .with_some("humidity", humidity.map(Value::percent))
                .with_some("wind", wind.map(Value::number)),
        ))
    }

    fn save(&self) -> Option<String> {
        self.fetched.as_ref()?.save()
    }

    fn restore(&mut self, saved: &str) {
        if let Some(fetched) = &mut self.fetched {
            fetched.restore(saved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::opened;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn shown_with(options: &str, machine: &Machine) -> Result<Option<Sample>, Error> {
        let mut source = opened(&SEGMENT, options);
        source.sample(machine, &Ask::default())
    }

    const PLACE: &str = "place = '52.52, 13.41'\n";

    fn answer(current: &str) -> Result<Option<Sample>, Error> {
        let text = format!("{{\"latitude\":52.5,\"current\":{{{current}}}}}");
        shown_with(PLACE, &machine_with(&[("commands/curl", &text)]).1)
    }

    #[test]
    fn without_a_place_no_service_is_asked() {
        assert!(matches!(shown_with("", &fixture("laptop")), Ok(None)));
    }

    #[test]
    fn the_weather_is_read() {
        let sample = shown_with(PLACE, &fixture("laptop")).expect("an answer").expect("weather");
        assert_eq!(sample.get("temperature"), Some(&Value::number(-3.5)));
        assert_eq!(sample.get("sky"), Some(&Value::text("snow")));
        assert_eq!(sample.get("humidity"), Some(&Value::percent(87.0)));
        assert_eq!(sample.get("wind"), Some(&Value::number(14.0)));
        let options = format!("{PLACE}unit = 'f'");
        let sample = shown_with(&options, &fixture("laptop")).expect("an answer").expect("weather");
        assert_eq!(sample.get("temperature"), Some(&Value::number(25.7)));
    }

    #[test]
    fn the_sky_has_a_sign_by_day_and_by_night() {
        let sky = |code: u32, day: u32| {
            let current = format!("\"temperature_2m\":1,\"weather_code\":{code},\"is_day\":{day}");
            let sample = answer(&current).expect("an answer").expect("weather");
            (sample.level, sample.get("sky").cloned(), sample.get("sign").cloned())
        };
        let text = |word: &str| Some(Value::text(word));
        let sign = |signs: [&str; 3]| Some(Value::sign(signs[0], signs[1], signs[2]));
        assert_eq!(sky(0, 0), (Level::Idle, text("clear"), sign(NIGHT)));
        assert_eq!(sky(0, 1), (Level::Idle, text("clear"), sign(SKIES[0].2)));
        assert_eq!(sky(63, 1), (Level::Idle, text("rain"), sign(SKIES[5].2)));
        assert_eq!(sky(95, 1), (Level::Warning, text("storm"), sign(STORM.1)));
    }

    #[test]
    fn a_malformed_answer_is_refused() {
        for current in ["", "\"temperature_2m\":\"warm\"", "\"temperature_2m\":1e9", "\"x\":1"] {
            assert!(answer(current).is_err(), "{current:?}");
        }
        assert!(shown_with(PLACE, &machine_with(&[("commands/curl", "<html>")]).1).is_err());
    }

    #[test]
    fn an_invalid_place_is_refused() {
        for place in ["Berlin", "91, 0", "0, 181", "1", "1,2,3", "nan, 0"] {
            let table = toml::Table::from_iter([("place".to_owned(), place.into())]);
            assert_eq!(open(&table).err().expect(place).key, "place");
        }
    }
}
