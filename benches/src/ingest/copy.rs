//! The peer: the same rows by COPY into a table of the same schema, and nothing else. No signature, no chain, no sums.

use crate::peers::postgres::Cluster;
use brink_issuer::storage::postgres::PostgresStorage;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::types::Type;
use postgres::{Client, NoTls};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What was brought by one device at once.
pub struct Rows {
    pub device: String,
    pub first_seq: u64,
    pub received_ms: i64,
    pub records: Vec<Vec<u8>>,
}

pub struct Copies {
    clients: Vec<Mutex<Client>>,
}

const SQL: &str =
    "COPY usage_records (epoch, seq, from_seq, received_at, event_ms, floor_ms, received_day, device, tenant,
     bytes) FROM STDIN (FORMAT binary)";

impl Copies {
    /// So many connections to a database of their own, with that name.
    pub fn into(cluster: &Cluster, database: &str, connections: usize) -> Self {
        let mut first = cluster.config("postgres").connect(NoTls).expect("a connection");
        first.batch_execute(&format!("CREATE DATABASE {database}")).expect("a database");
        let url = cluster.url(database).parse().expect("an address");
        let storage = PostgresStorage::create(&url).expect("a schema");
        super::make_partitions(&storage);
        let client = |_| Mutex::new(cluster.config(database).connect(NoTls).expect("a connection"));
        Self { clients: (0..connections).map(client).collect() }
    }

    /// Batch by batch, each a transaction of its own, by all connections together.
    pub fn by_batch(&self, rows: &[Rows]) -> Duration {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (at, client) in self.clients.iter().enumerate() {
                let own = rows.iter().skip(at).step_by(self.clients.len());
                scope.spawn(move || {
                    let mut client = client.lock().expect("a connection");
                    own.for_each(|rows| copy(&mut client, std::slice::from_ref(rows)));
                });
            }
        });
        start.elapsed()
    }

    /// All in one, by one connection.
    pub fn at_once(&self, rows: &[Rows]) -> Duration {
        let start = Instant::now();
        copy(&mut self.clients[0].lock().expect("a connection"), rows);
        start.elapsed()
    }
}

fn copy(client: &mut Client, batches: &[Rows]) {
    const INT: Type = Type::INT8;
    let types = [INT, INT, INT, INT, INT, INT, Type::INT4, Type::TEXT, Type::TEXT, Type::BYTEA];
    let mut writer = BinaryCopyInWriter::new(client.copy_in(SQL).expect("a copy"), &types);
    for rows in batches {
        let day = (rows.received_ms / 86_400_000) as i32;
        for (seq, bytes) in (rows.first_seq as i64..).zip(&rows.records) {
            let (epoch, at, floor) = (1_i64, rows.received_ms, None::<i64>);
            writer
                .write(&[&epoch, &seq, &seq, &at, &at, &floor, &day, &rows.device, &super::TENANT, bytes])
                .expect("a row");
        }
    }
    writer.finish().expect("a commit");
}
