//! How fast a scenario is played.

use std::{str::FromStr, time::Duration};

/// How many seconds of a scenario pass per second of real time: 0.01 to 1 000 000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

impl Speed {
    pub const REAL_TIME: Speed = Speed(1.0);

    /// How long `scripted` takes.
    pub(super) fn scale(self, scripted: Duration) -> Duration {
        scripted.div_f64(self.0)
    }
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Speed, String> {
        match text.parse() {
            Ok(speed) if (0.01..=1e6).contains(&speed) => Ok(Speed(speed)),
            _ => Err(format!(
                "{text:?} is not a valid speed, expected a number from 0.01 to 1000000; 60 plays an hour in a minute"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_of_sixty_plays_an_hour_in_a_minute() {
        let speed: Speed = "60".parse().unwrap();
        assert_eq!(speed.scale(Duration::from_hours(1)), Duration::from_mins(1));
    }

    #[test]
    fn a_speed_is_a_positive_number() {
        for bad in ["0", "-1", "NaN", "inf", "1e9", "fast", ""] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
    }
}
