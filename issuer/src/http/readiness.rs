//! Whether this process should be sent requests.

use super::tls::Tls;
use crate::calendar::rfc3339;
use crate::issuer::Issuer;
use crate::refusal::Refusal;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the database may take for one small read: a balancer asks again every few seconds, and takes silence for no.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// One thing that has to hold.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    /// `process`, `database`, `keys`, `keyset` or `certificate`.
    pub name: &'static str,
    /// Whether it holds.
    pub ready: bool,
    /// The stable code of what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    const fn holds(name: &'static str) -> Self {
        Self { name, ready: true, code: None, message: None, mend: None }
    }

    /// The text ends with its mend, behind the last semicolon.
    fn lacks(name: &'static str, code: &'static str, text: &str) -> Self {
        let (message, mend) = match text.rsplit_once("; ") {
            Some((message, mend)) => (message.to_owned(), Some(mend.to_owned())),
            None => (text.to_owned(), None),
        };
        Self { name, ready: false, code: Some(code), message: Some(message), mend }
    }
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct ReadinessReport {
    /// Whether requests should come here.
    ready: bool,
    /// Each thing that was looked at; what rests on one that does not hold was not.
    checks: Vec<Check>,
}

impl ReadinessReport {
    fn of(checks: Vec<Check>) -> Self {
        Self { ready: checks.iter().all(|check| check.ready), checks }
    }

    /// Whether requests should come here.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.ready
    }

    /// The codes of what is wrong.
    #[must_use]
    pub fn lacks(&self) -> String {
        self.checks.iter().filter_map(|check| check.code).collect::<Vec<_>>().join(" ")
    }
}

/// Looks whether this process is ready, one look at a time.
pub struct Readiness {
    issuer: Arc<Issuer>,
    draining: AtomicBool,
    looking: Arc<Mutex<()>>,
    timeout: Duration,
    tls: Option<Arc<Tls>>,
}

impl Readiness {
    /// Of an issuer that is open.
    #[must_use]
    pub fn of(issuer: Arc<Issuer>) -> Self {
        Self::within(issuer, PROBE_TIMEOUT)
    }

    /// The same with another bound on the database.
    #[must_use]
    pub fn within(issuer: Arc<Issuer>, timeout: Duration) -> Self {
        Self { issuer, draining: AtomicBool::new(false), looking: Arc::default(), timeout, tls: None }
    }

    /// With the certificate that clients are shown: one that has ended, nobody takes.
    #[must_use]
    pub fn with_tls(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// From now on this process is not ready, since it is about to end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether it is about to end.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Looks now. A database that hangs holds one thread and no more, however often it is asked.
    pub async fn report(&self) -> ReadinessReport {
        if self.is_draining() {
            let text = "the process is about to end; send requests to another";
            return ReadinessReport::of(vec![Check::lacks("process", "DRAINING", text)]);
        }
        let (issuer, looking) = (Arc::clone(&self.issuer), Arc::clone(&self.looking));
        let look = async move {
            let alone = looking.lock_owned().await;
            tokio::task::spawn_blocking(move || {
                let checks = look(&issuer);
                drop(alone);
                checks
            })
            .await
        };
        let checks = match tokio::time::timeout(self.timeout, look).await {
            Ok(Ok(checks)) => checks,
            Ok(Err(_)) => vec![Check::lacks("database", "INTERNAL", "the look failed; its log says why")],
            Err(_) => vec![self.is_slow()],
        };
        let tls = self.tls.iter().map(|tls| self.certificate(tls));
        ReadinessReport::of([Check::holds("process")].into_iter().chain(checks).chain(tls).collect())
    }

    fn certificate(&self, tls: &Tls) -> Check {
        let ((begins, ends), now) = (tls.validity(), self.issuer.clock.now());
        if begins <= now && now < ends {
            return Check::holds("certificate");
        }
        let (begins, ends) = (rfc3339(begins), rfc3339(ends));
        let text =
            format!("the certificate is valid from {begins} to {ends}, and nobody takes it now; renew it");
        Check::lacks("certificate", "TLS_CERTIFICATE_ENDED", &text)
    }

    fn is_slow(&self) -> Check {
        let text = format!(
            "the database did not answer within {} s; look at its load, its locks and its disk",
            self.timeout.as_secs_f64()
        );
        Check::lacks("database", "DATABASE_SLOW", &text)
    }
}

/// What a request would meet: the database, the keys of the newest manifest, and a keyset that devices still take.
fn look(issuer: &Issuer) -> Vec<Check> {
    if let Err(error) = issuer.storage.probe() {
        issuer.metrics.exchanges.database_failed(&error);
        return vec![Check::lacks("database", error.code(), &error.to_string())];
    }
    let database = Check::holds("database");
    let now = issuer.clock.now();
    let in_force = match issuer.in_force.current(&*issuer.storage, now) {
        Ok(in_force) => in_force,
        Err(Refusal::Storage(error)) => {
            return vec![Check::lacks("database", error.code(), &error.to_string())];
        }
        Err(refusal) => {
            return vec![database, Check::lacks("keys", "KEYS", &refusal.to_string())];
        }
    };
    let expires_at = in_force.keyset.expires_at();
    let keyset = if now < expires_at {
        Check::holds("keyset")
    } else {
        let text = format!(
            "the keyset expired at {}, and devices take nothing new; publish a manifest: `brink-issuer keys ceremony prepare`",
            rfc3339(expires_at)
        );
        Check::lacks("keyset", "KEYSET_EXPIRED", &text)
    };
    vec![database, Check::holds("keys"), keyset]
}
