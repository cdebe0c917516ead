//! The admin API over real connections, on a whole issuer with a clock that tests turn.

mod documented;
mod flows;
mod guards;
mod guide;
mod hostile;
mod limited;
mod pages;
mod repeated;
mod versions;

use crate::access::{Grantor, KeyId, KeyOrder};
use crate::config::AdminConfig;
use crate::http::{Server, admin_router};
use crate::testkit::Bench;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const OTHER: &str = "other";

/// An issuer whose admin API is served, with a second tenant.
struct Api {
    bench: Bench,
    address: SocketAddr,
    /// May do everything.
    root: String,
}

/// An answer.
#[derive(Debug)]
struct Got {
    status: u16,
    /// By lower-case name.
    headers: BTreeMap<String, String>,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The document of what was done.
    fn done(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// The code of a problem, which is whole.
    fn code(&self, status: u16) -> String {
        let problem = self.json();
        assert_eq!((self.status, &problem["status"]), (status, &Value::from(status)), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["instance"], format!("urn:uuid:{}", self.headers["x-request-id"]));
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{self:?}");
        problem["code"].as_str().unwrap().to_owned()
    }
}

impl Api {
    async fn new() -> Self {
        Self::with(Bench::with(20, &[]), |_| {}).await
    }

    async fn with(bench: Bench, change: impl FnOnce(&mut AdminConfig)) -> Self {
        bench.another_tenant(OTHER);
        let address = serve(&bench, change).await;
        let root = key(&bench, "*", None);
        Self { bench, address, root }
    }

    /// A key with these scopes.
    fn key(&self, scopes: &str, tenant: Option<&str>) -> String {
        key(&self.bench, scopes, tenant)
    }

    async fn get(&self, path: &str) -> Got {
        self.ask("GET", path, &[], None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Got {
        self.ask("POST", path, &[], Some(&body.to_string())).await
    }

    /// As whoever may do everything.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Got {
        let authorization = format!("Bearer {}", self.root);
        let with_key = [&[("authorization", authorization.as_str())], headers].concat();
        self.raw(method, path, &with_key, body).await
    }

    /// As the holder of this key.
    async fn as_key(&self, key: &str, method: &str, path: &str, body: Option<&str>) -> Got {
        self.raw(method, path, &[("authorization", &format!("Bearer {key}"))], body).await
    }

    /// With these headers alone.
    async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Got {
        let mut head = format!("{method} /v1/admin{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                head.push_str("content-type: application/json\r\n");
            }
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        send(self.address, format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes()).await
    }
}

async fn serve(bench: &Bench, change: impl FnOnce(&mut AdminConfig)) -> SocketAddr {
    let mut config = AdminConfig::on(SocketAddr::from(([127, 0, 0, 1], 0)));
    change(&mut config);
    let app = admin_router(Arc::clone(&bench.issuer), &config);
    let server = Server::listen(config.serve).await.unwrap();
    let address = server.address();
    tokio::spawn(server.run(app, std::future::pending()));
    address
}

fn key(bench: &Bench, scopes: &str, tenant: Option<&str>) -> String {
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let order = KeyOrder {
        name: "test".into(),
        scopes: scopes.parse().unwrap(),
        tenant,
        expires_days: None,
        value: None,
    };
    bench.admin.create_key(&order, Grantor::Operator).unwrap().key.reveal().to_owned()
}

/// The id of a key.
fn id_of(key: &str) -> KeyId {
    KeyId::parse(&key[4..16]).unwrap()
}

async fn send(address: SocketAddr, bytes: &[u8]) -> Got {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early may close before everything is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let text = String::from_utf8_lossy(&answer[(end + 4).min(answer.len())..]).into_owned();
    Got { status, headers, text }
}
