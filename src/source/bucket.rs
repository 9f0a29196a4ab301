//! Objects of a bucket: listed by pages, read whole or in ranges, one version at a time.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{ClientOptions, Error, GetOptions, ObjectMeta, ObjectStore, RetryConfig};
use sha2::{Digest, Sha256};
use thiserror::Error as ThisError;

use crate::bytes::{ByteSource, SpillConfig};

/// An object up to this is read by one request; a larger one in ranges of it.
const RANGE: u64 = 8 << 20;
/// An object beyond this is not read.
const MAX_OBJECT: u64 = 4 << 30;
/// How long a bucket may take to be reached.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a range of an object may take.
const READING: Duration = Duration::from_secs(600);
/// How often something is asked for again that was cut off, or that changes while it is read.
const TRIES: u32 = 5;

/// Where a bucket is reached, beside its address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketOptions {
    /// Nobody need say who they are: a public bucket.
    pub is_anonymous: bool,
    /// We pay for what we read.
    pub pays: bool,
}

/// Why a bucket cannot be read. Names no object: keys may name people.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum BucketError {
    /// The address is none.
    #[error("{0}")]
    Address(String),
    /// We may not.
    #[error("access is denied: are the credentials right, and do they permit listing and reading?")]
    Denied,
    /// It is not there.
    #[error("there is no such bucket, or it is empty of this name")]
    Missing,
    /// It does not answer.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// An object changes whenever it is read.
    #[error("an object changes while it is read")]
    Changing,
    /// An object is too large.
    #[error("an object is larger than 4 GiB")]
    TooLarge,
    /// There is no room for what is read.
    #[error("there is no room on the disk")]
    NoRoom,
}

/// A bucket, or a folder of it.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Option<Key>,
    /// It lists its objects in the order of their keys.
    is_ordered: bool,
    /// What stands before the key in the path of an object.
    base: String,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its address, as people know it.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Tells one version from another.
    pub version: i64,
    meta: ObjectMeta,
}

impl BucketError {
    /// Whether the same may go well when it is asked for again.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}

async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(100) * tries.pow(2)).await;
}

impl Bucket {
    /// The bucket at an address: `s3://`, `gs://`, `az://` (the container of the account that the environment names), or
    /// `http(s)://` with WebDAV's listing. Credentials come from the environment, of S3 from a profile file, too.
    ///
    /// # Errors
    /// The address is none, or the environment lacks something.
    pub fn open(address: &str, options: BucketOptions) -> Result<Self, BucketError> {
        let wrong = |error: Error| BucketError::Address(setting(&error));
        let (scheme, rest) = address
            .split_once("://")
            .ok_or_else(|| BucketError::Address("no address, such as s3://bucket/folder/".into()))?;
        let (name, key) = rest.split_once('/').unwrap_or((rest, ""));
        let client = ClientOptions::new()
            .with_user_agent(reqwest::header::HeaderValue::from_static("gantry"))
            .with_connect_timeout(CONNECTING)
            .with_timeout(READING);
        // What passes by itself is tried again here, too; nobody waits for minutes to hear that nobody is there.
        let retry =
            || RetryConfig { max_retries: 3, retry_timeout: CONNECTING * 2, ..RetryConfig::default() };
        let store: Arc<dyn ObjectStore> = match scheme {
            "s3" => Arc::new(s3(name, options, client).with_retry(retry()).build().map_err(wrong)?),
            "gs" => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(name);
                let builder = builder.with_skip_signature(options.is_anonymous).with_client_options(client);
                Arc::new(builder.with_retry(retry()).build().map_err(wrong)?)
            }
            "az" => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(name);
                let builder = builder.with_skip_signature(options.is_anonymous).with_client_options(client);
                Arc::new(builder.with_retry(retry()).build().map_err(wrong)?)
            }
            "http" | "https" => {
                let client = client.with_allow_http(scheme == "http");
                let builder = HttpBuilder::new().with_url(format!("{scheme}://{name}"));
                Arc::new(builder.with_client_options(client).with_retry(retry()).build().map_err(wrong)?)
            }
            _ => {
                return Err(BucketError::Address(
                    "an address begins with s3://, gs://, az:// or https://".into(),
                ));
            }
        };
        let key = key.trim_matches('/');
        let prefix = (!key.is_empty()).then(|| Key::parse(key)).transpose();
        let prefix =
            prefix.map_err(|_| BucketError::Address("no folder of a bucket has such a name".into()))?;
        let is_ordered = !scheme.starts_with("http");
        Ok(Self { store, prefix, is_ordered, base: format!("{scheme}://{name}/") })
    }

    /// Gives every object to `each`, page by page; it says whether to go on.
    ///
    /// # Errors
    /// The bucket cannot be listed.
    pub async fn list(&self, mut each: impl FnMut(Object) -> bool) -> Result<(), BucketError> {
        let (mut last, mut tries) = (None, 0);
        loop {
            let before = last.clone();
            let Err(error) = self.list_after(&mut last, &mut each).await else { return Ok(()) };
            // A page that was cut off is asked for again, from the last object on.
            tries = if last == before { tries + 1 } else { 1 };
            if tries >= TRIES || !self.is_ordered || !error.is_passing() {
                return Err(error);
            }
            pause(tries).await;
        }
    }

    async fn list_after(
        &self,
        last: &mut Option<Key>,
        each: &mut impl FnMut(Object) -> bool,
    ) -> Result<(), BucketError> {
        let mut listed = match &*last {
            Some(last) => self.store.list_with_offset(self.prefix.as_ref(), last),
            None => self.store.list(self.prefix.as_ref()),
        };
        while let Some(meta) = listed.next().await {
            let meta = meta.map_err(|error| bucket_error(&error))?;
            *last = Some(meta.location.clone());
            // What stands for a folder holds nothing.
            if meta.size > 0 && !each(self.object(meta)) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn object(&self, meta: ObjectMeta) -> Object {
        let path = PathBuf::from(format!("{}{}", self.base, meta.location.as_ref()));
        Object { path, bytes: meta.size, version: version(&meta), meta }
    }

    /// Reads an object whole, and says which version it was: another than was listed where it has changed since.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn read(
        &self,
        object: &Object,
        scratch: SpillConfig<'_>,
    ) -> Result<(Object, ByteSource<'static>), BucketError> {
        let mut meta = object.meta.clone();
        for tries in 1..=TRIES {
            if meta.size > MAX_OBJECT {
                return Err(BucketError::TooLarge);
            }
            match self.read_version(&meta, scratch).await {
                Ok(Some(bytes)) => return Ok((self.object(meta), bytes)),
                Ok(None) => {}
                Err(error) if error.is_passing() && tries < TRIES => {
                    pause(tries).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let options = GetOptions { head: true, ..GetOptions::default() };
            let now = self.store.get_opts(&object.meta.location, options).await;
            meta = now.map_err(|error| bucket_error(&error))?.meta;
        }
        Err(BucketError::Changing)
    }

    /// The bytes of one version; none where it is another by now.
    async fn read_version(
        &self,
        meta: &ObjectMeta,
        scratch: SpillConfig<'_>,
    ) -> Result<Option<ByteSource<'static>>, BucketError> {
        let mut draft = scratch.draft();
        draft.reserve(meta.size);
        let mut at = 0;
        while at < meta.size {
            let end = meta.size.min(at + RANGE);
            let is_whole = at == 0 && end == meta.size;
            let options = GetOptions {
                if_match: meta.e_tag.as_deref().and_then(strong_tag),
                range: (!is_whole).then(|| (at..end).into()),
                ..GetOptions::default()
            };
            let got = match self.store.get_opts(&meta.location, options).await {
                Ok(got) => got,
                Err(Error::Precondition { .. }) => return Ok(None),
                Err(error) => return Err(bucket_error(&error)),
            };
            // Without a tag, size and time tell one version from another.
            if version(&got.meta) != version(meta) || got.meta.size != meta.size {
                return Ok(None);
            }
            let mut came = 0;
            let mut pieces = got.into_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|error| bucket_error(&error))?;
                came += piece.len() as u64;
                draft.write_all(&piece).map_err(|_| BucketError::NoRoom)?;
            }
            if came != end - at {
                return Ok(None);
            }
            at = end;
        }
        draft.finish().map(Some).map_err(|_| BucketError::NoRoom)
    }
}

/// S3, and what speaks it: where it stands and who we are is in the environment, or in a profile file.
fn s3(name: &str, options: BucketOptions, client: ClientOptions) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(name).with_client_options(client);
    let endpoint = std::env::var("AWS_ENDPOINT_URL").or_else(|_| std::env::var("AWS_ENDPOINT"));
    if let Ok(endpoint) = endpoint {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_none()
        && let Some((id, key, token)) = profile()
    {
        builder = builder.with_access_key_id(id).with_secret_access_key(key);
        if let Some(token) = token {
            builder = builder.with_token(token);
        }
    }
    if options.is_anonymous {
        builder = builder.with_skip_signature(true);
    }
    if options.pays {
        builder = builder.with_config(AmazonS3ConfigKey::RequestPayer, "true");
    }
    builder
}

/// Key, secret and token of the profile that `AWS_PROFILE` names, of the file with credentials.
fn profile() -> Option<(String, String, Option<String>)> {
    let path = match std::env::var_os("AWS_SHARED_CREDENTIALS_FILE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".aws/credentials"),
    };
    let name = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
    in_profile(&std::fs::read_to_string(path).ok()?, &name)
}

fn in_profile(text: &str, name: &str) -> Option<(String, String, Option<String>)> {
    let (mut is_here, mut id, mut key, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            is_here = section.trim_end_matches(']').trim() == name;
        } else if let Some((what, value)) = line.split_once('=').filter(|_| is_here) {
            let value = Some(value.trim().to_owned());
            match what.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => key = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    Some((id?, key?, token))
}

/// A number that another version of an object does not have.
fn version(meta: &ObjectMeta) -> i64 {
    let named = match &meta.e_tag {
        // Some list a tag without quotes that they give with them.
        Some(tag) => format!("tag {}", tag.trim_start_matches("W/").trim_matches('"')),
        None => format!("time {} {}", meta.last_modified.timestamp_millis(), meta.size),
    };
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(named));
    i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX
}

/// A tag as a condition has it: quoted; a weak one cannot be one (RFC 9110 13.1.1).
fn strong_tag(tag: &str) -> Option<String> {
    match tag {
        weak if weak.starts_with("W/") => None,
        quoted if quoted.starts_with('"') => Some(quoted.to_owned()),
        bare => Some(format!("\"{bare}\"")),
    }
}

fn bucket_error(error: &Error) -> BucketError {
    match error {
        Error::NotFound { .. } => BucketError::Missing,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => BucketError::Denied,
        Error::InvalidPath { .. } => BucketError::Address("an object has a name that cannot be read".into()),
        error => BucketError::Unreachable(deepest(error)),
    }
}

/// What lies deepest in an error, without addresses: keys may name people.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if let Some(io) = deepest.downcast_ref::<std::io::Error>() {
        return crate::model::words::io_error(io);
    }
    let words = deepest.to_string();
    if words.contains('/') {
        return "the request failed".into();
    }
    words.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// What a setting lacks.
fn setting(error: &Error) -> String {
    match error {
        Error::Generic { source, .. } => source.to_string().chars().take(200).collect(),
        error => error.to_string().chars().take(200).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_from_a_profile() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[ other ]\n# no\naws_access_key_id=C\n\
                    aws_secret_access_key = D=E\naws_session_token = F\n";
        assert_eq!(in_profile(text, "default").unwrap(), ("A".into(), "B".into(), None));
        assert_eq!(in_profile(text, "other").unwrap(), ("C".into(), "D=E".into(), Some("F".into())));
        assert_eq!(in_profile(text, "none"), None);
    }

    #[test]
    fn only_addresses_of_buckets_are_opened() {
        let error = Bucket::open("ftp://b/x", BucketOptions::default()).unwrap_err();
        assert!(matches!(error, BucketError::Address(_)), "{error}");
    }
}
