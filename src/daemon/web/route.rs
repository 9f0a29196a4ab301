//! What a request asks for (PS3.18 clauses 8 to 10). Pure.

/// The base of all addresses.
pub const BASE: &str = "/dicom-web";
/// An address, its query aside, is not longer.
const LONGEST_PATH: usize = 1_024;

/// Which objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The study.
    pub study: Option<String>,
    /// The series.
    pub series: Option<String>,
    /// The instance.
    pub instance: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// What can be asked for.
    Capabilities,
    /// Studies that match.
    Studies,
    /// Series that match, of a study or of all.
    Series(Place),
    /// Instances that match, of a series, of a study or of all.
    Instances(Place),
    /// Files.
    Files(Place),
    /// Headers.
    Metadata(Place),
    /// Frames as they are stored, by their numbers from 1.
    Frames(Place, Vec<u32>),
    /// A picture of an instance, or of one of its frames.
    Rendered(Place, Option<u32>),
    /// A long value of an instance.
    Bulk(Place, u32),
    /// Objects are stored, of a study where one is named.
    Store(Option<String>),
}

/// Why a request is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// Nothing is there.
    NotFound,
    /// It is there, and not for this.
    Method,
}

/// Whether it is a UID; nothing else stands in an address.
fn uid(text: &str) -> Option<String> {
    let is_one = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.bytes().next().is_some_and(|b| b != b'.');
    is_one.then(|| text.to_owned())
}

/// What a method and the path of an address ask for.
///
/// # Errors
/// Nothing that is served.
pub fn route(method: &str, path: &str) -> Result<Route, NoRoute> {
    if path.len() > LONGEST_PATH {
        return Err(NoRoute::NotFound);
    }
    let below = path.strip_prefix(BASE).ok_or(NoRoute::NotFound)?;
    let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty()).collect();
    let stores = |study: Option<String>, otherwise: Result<Route, NoRoute>| match method {
        "POST" => Ok(Route::Store(study)),
        _ => otherwise,
    };
    let found = match parts.as_slice() {
        [] => Ok(Route::Capabilities),
        ["studies"] => return read(method, stores(None, Ok(Route::Studies))),
        ["studies", s] => {
            let study = Some(uid(s).ok_or(NoRoute::NotFound)?);
            let place = Place { study: study.clone(), ..Place::default() };
            return read(method, stores(study, Ok(Route::Files(place))));
        }
        ["series"] => Ok(Route::Series(Place::default())),
        ["instances"] => Ok(Route::Instances(Place::default())),
        ["studies", s, rest @ ..] => of_study(s, rest),
        _ => Err(NoRoute::NotFound),
    };
    read(method, found)
}

/// What is read alone.
fn read(method: &str, found: Result<Route, NoRoute>) -> Result<Route, NoRoute> {
    match found {
        Ok(Route::Store(_)) => found,
        Ok(_) if method != "GET" && method != "HEAD" => Err(NoRoute::Method),
        found => found,
    }
}

fn of_study(study: &str, rest: &[&str]) -> Result<Route, NoRoute> {
    let mut place = Place { study: Some(uid(study).ok_or(NoRoute::NotFound)?), ..Place::default() };
    match rest {
        ["metadata"] => Ok(Route::Metadata(place)),
        ["series"] => Ok(Route::Series(place)),
        ["instances"] => Ok(Route::Instances(place)),
        ["series", series, rest @ ..] => {
            place.series = Some(uid(series).ok_or(NoRoute::NotFound)?);
            match rest {
                [] => Ok(Route::Files(place)),
                ["metadata"] => Ok(Route::Metadata(place)),
                ["instances"] => Ok(Route::Instances(place)),
                ["instances", instance, rest @ ..] => {
                    place.instance = Some(uid(instance).ok_or(NoRoute::NotFound)?);
                    of_instance(place, rest)
                }
                _ => Err(NoRoute::NotFound),
            }
        }
        _ => Err(NoRoute::NotFound),
    }
}

fn of_instance(place: Place, rest: &[&str]) -> Result<Route, NoRoute> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n > 0).ok_or(NoRoute::NotFound);
    match rest {
        [] => Ok(Route::Files(place)),
        ["metadata"] => Ok(Route::Metadata(place)),
        ["rendered"] => Ok(Route::Rendered(place, None)),
        ["frames", list] => {
            let list = list.replace("%2C", ",").replace("%2c", ",");
            let frames = list.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
            Ok(Route::Frames(place, frames))
        }
        ["frames", frame, "rendered"] => Ok(Route::Rendered(place, Some(number(frame)?))),
        ["bulkdata", tag] if tag.len() == 8 => {
            let tag = u32::from_str_radix(tag, 16).map_err(|_| NoRoute::NotFound)?;
            Ok(Route::Bulk(place, tag))
        }
        _ => Err(NoRoute::NotFound),
    }
}

/// The pairs of a query, decoded; at most a hundred.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Some((decoded(name)?, decoded(value)?))
    };
    query.split('&').filter(|text| !text.is_empty()).take(100).filter_map(pair).collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = after;
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        let get = |path: &str| route("GET", &format!("/dicom-web{path}"));
        assert_eq!(get("/studies"), Ok(Route::Studies));
        let place = Place { study: Some("1.2".into()), series: Some("3".into()), instance: Some("4".into()) };
        assert_eq!(
            get("/studies/1.2/series/3/instances/4/frames/1,3"),
            Ok(Route::Frames(place.clone(), vec![1, 3]))
        );
        assert_eq!(
            get("/studies/1.2/series/3/instances/4/bulkdata/7FE00010"),
            Ok(Route::Bulk(place, 0x7FE0_0010))
        );
        for none in [
            "/../secret",
            "/studies/..%2f..%2fsecret",
            "/studies/1.2/series/%2e%2e/instances/1",
            "/%00",
            &format!("/studies/{}", "9".repeat(5_000)),
            "/studies/1.2/series/3/instances/4/frames/0",
            "/studies/.1",
            "/studies/1.2/other",
        ] {
            assert_eq!(get(none), Err(NoRoute::NotFound), "{none}");
        }
        assert_eq!(route("GET", "/"), Err(NoRoute::NotFound));
        assert_eq!(route("POST", "/dicom-web/studies/1.2"), Ok(Route::Store(Some("1.2".into()))));
        assert_eq!(route("DELETE", "/dicom-web/studies/1.2"), Err(NoRoute::Method));
        assert_eq!(route("POST", "/dicom-web/series"), Err(NoRoute::Method));
    }

    #[test]
    fn queries_are_decoded() {
        let all = pairs("PatientName=A%2A&limit=7&00080060=CT&x=a+b&bad=%zz");
        let text: Vec<(&str, &str)> = all.iter().map(|(a, b)| (&**a, &**b)).collect();
        assert_eq!(text, [("PatientName", "A*"), ("limit", "7"), ("00080060", "CT"), ("x", "a b")]);
    }
}
