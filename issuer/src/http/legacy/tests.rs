//! The old wire over real connections, on a whole issuer with a clock that tests turn.

mod admin;
mod console;
mod defects;
mod traps;
mod usage;

use crate::access::{Grantor, KeyOrder};
use crate::legacy::LegacyPolicyEdit;
use crate::secret::Redacted;
use crate::testkit::{Bench, TENANT};
use crate::tests::http::{Running, send, serve};
use serde_json::{Value, json};

/// An issuer that answers old clients, and a key that they show.
struct Old {
    bench: Bench,
    server: Running,
    key: String,
}

/// An answer.
#[derive(Debug)]
struct Got {
    status: u16,
    head: String,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer of what was done, which is compact JSON and no redirect.
    fn done(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.head.contains("content-type: application/json"), "{self:?}");
        assert!(!self.text.contains("\": ") && !self.text.contains('\n'), "it is compact: {self:?}");
        self.json()
    }

    /// The code of a refusal, which has its text in the one member that old clients read.
    fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        let said = self.json();
        assert!(said["error"].as_str().unwrap().len() > 10, "{self:?}");
        said["code"].as_str().unwrap().to_owned()
    }
}

impl Old {
    /// With so many cameras subscribed.
    async fn with(cameras: u32, packs: &[&str]) -> Self {
        Self::of(Bench::with(cameras, packs)).await
    }

    async fn of(bench: Bench) -> Self {
        let server = serve(&bench, |_| {}).await;
        let key = key(&bench, "legacy", Some(TENANT));
        Self { bench, server, key }
    }

    async fn ask(&self, method: &str, path: &str, key: &str, body: &str) -> Got {
        let authorization = format!("Authorization: Bearer {key}\r\n");
        self.ask_with(method, path, &authorization, body).await
    }

    async fn ask_with(&self, method: &str, path: &str, headers: &str, body: &str) -> Got {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let (status, head, text) = send(self.server.address, request.as_bytes()).await;
        Got { status, head, text: String::from_utf8(text).unwrap() }
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.ask("POST", &format!("/api/v1{path}"), &self.key, &body.to_string()).await
    }

    async fn get(&self, path: &str) -> Got {
        self.ask("GET", path, &self.key, "").await
    }

    /// The verdict on a camera.
    async fn camera(&self, camera: &str) -> Value {
        let body = json!({ "camera_id": camera, "tenant_id": TENANT, "device_id": "dev-a" });
        self.post("/licenses/validate", body).await.done()
    }

    async fn is_valid(&self, camera: &str) -> bool {
        self.camera(camera).await["is_valid"].as_bool().unwrap()
    }

    async fn entitled(&self, category: &str, feature: &str) -> Value {
        let body = json!({ "tenant_id": TENANT, "feature_category": category, "feature_name": feature });
        self.post("/entitlements/check", body).await.done()
    }

    async fn send_usage(&self, events: Value) -> Value {
        self.post("/usage/batch", json!({ "events": events })).await.done()
    }

    fn policy(&self, edit: LegacyPolicyEdit) {
        self.bench.admin.change_legacy_policy(&TENANT.parse().unwrap(), edit).unwrap();
    }

    /// What the books have of a meter this month, in words.
    fn used(&self, meter: &str) -> String {
        let used = self.bench.admin.storage.used_in(&TENANT.parse().unwrap(), 0..i64::MAX).unwrap();
        used.iter()
            .find(|(name, _)| name.as_str() == meter)
            .map_or_else(|| "0".into(), |(_, sum)| sum.to_string())
    }
}

fn key(bench: &Bench, scopes: &str, tenant: Option<&str>) -> String {
    let order = KeyOrder {
        name: "old".into(),
        scopes: scopes.parse().unwrap(),
        tenant: tenant.map(|tenant| tenant.parse().unwrap()),
        expires_days: None,
        value: None,
    };
    bench.admin.create_key(&order, Grantor::Operator).unwrap().key.reveal().to_owned()
}

fn import(bench: &Bench, value: &str) -> Result<String, crate::access::AccessError> {
    let order = KeyOrder {
        name: "in the field".into(),
        scopes: "legacy".parse().unwrap(),
        tenant: Some(TENANT.parse().unwrap()),
        expires_days: None,
        value: Some(Redacted::new(value.to_owned())),
    };
    Ok(bench.admin.create_key(&order, Grantor::Operator)?.key.reveal().to_owned())
}
