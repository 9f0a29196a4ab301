//! The clock, for the floors that may have one.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The local day of a time, `YYYY-MM-DD`.
pub fn day_of(at_ms: i64) -> String {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.to_zoned_datetime(TimeZone::system()).date().to_string()
}
