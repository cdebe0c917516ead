//! `scripts/dev-up`: a whole development site, made, reached through TLS, stopped, and started again as it was.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use brink_tests::{Device, Issuer, Program, Ran, World};

/// A site, which is stopped whatever becomes of the test.
struct Site {
    dir: PathBuf,
    world: World,
}

impl Site {
    fn new() -> Site {
        let world = World::in_memory();
        // PostgreSQL runs as another user where the test runs as root.
        std::fs::set_permissions(world.dir(), Permissions::from_mode(0o711)).unwrap();
        Site { dir: world.path("site"), world }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = Command::new(root.join("scripts/dev-up"));
        command.args(arguments).arg("--dir").arg(&self.dir);
        command.env("BRINK_TEST_BIN_DIR", Program::Issuer.path().parent().unwrap());
        Ran::to_end(&mut command)
    }

    fn url(&self, number: usize) -> String {
        self.said(number, "listening on ")
    }

    fn said(&self, number: usize, what: &str) -> String {
        let said = std::fs::read_to_string(self.dir.join(format!("issuer-{number}.out"))).unwrap();
        said.lines().find_map(|line| line.strip_prefix(what)).unwrap().to_owned()
    }

    /// What one issuer's admin API says to the first key.
    fn admin(&self, number: usize, path: &str) -> String {
        let told = std::fs::read_to_string(self.dir.join("init.txt")).unwrap();
        let key = told.split_whitespace().find(|word| word.starts_with("brk_")).unwrap();
        // On this machine alone, so that it is plain HTTP.
        let url = self.said(number, "admin API on ");
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        stream.write_all(format!("{head}authorization: Bearer {key}\r\n\r\n").as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// A device activated at one issuer, that exchanges with the other.
    fn serves_a_device(&self, name: &str) {
        let issuer = Issuer::at(self.dir.join("issuer-1"));
        let device = Device::init(self.world.path(name), &issuer.trust());
        let (code, ca) = (issuer.offer("acme").code, self.path("tls/ca.pem"));
        let activate = ["activate", "--issuer", &self.url(1), "--code", &code];
        // Its certificate is nobody's whom a device believes by itself.
        device.run(&activate).coded(1);
        device.run(&[&activate[..], &["--ca-file", &ca]].concat()).ok();
        device.run(&["usage", "record", "--meter", "sms", "--quantity", "1"]).ok();
        device.run(&["exchange", "--issuer", &self.url(2), "--ca-file", &ca]).ok();
    }

    fn goes_its_way(&self, arguments: &[&str]) {
        self.run(&["--status"]).coded(1);
        let told = self.run(arguments).ok();
        assert!(told.stdout.contains("https://127.0.0.1:"), "{told}");
        Issuer::at(self.dir.join("issuer-1")).subscribe("acme", 10, &[]);
        self.serves_a_device("one");
        let said = self.admin(2, "/v1/admin/tenants");
        assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\"acme\""), "{said}");
        // What runs is left alone.
        self.run(arguments).ok();
        self.run(&["--status"]).ok();
        let urls = [self.url(1), self.url(2)];
        self.run(&["--down"]).ok();
        assert!(self.run(&["--status"]).coded(1).stdout.contains("issuer 2 does not run"));
        self.run(arguments).ok();
        assert_eq!([self.url(1), self.url(2)], urls, "devices find them where they were");
        self.serves_a_device("two");
        self.run(&["--down", "--purge"]).ok();
        assert!(!self.dir.exists());
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.dir.exists() {
            let stopped = self.run(&["--down"]);
            assert!(stopped.code == Some(0) || std::thread::panicking(), "{stopped}");
        }
    }
}

#[test]
fn a_site_on_sqlite_serves_devices_through_tls_and_is_the_same_after_a_stop() {
    Site::new().goes_its_way(&["--any-port", "--sqlite"]);
}

#[test]
fn a_site_on_postgresql_serves_devices_through_tls_and_is_the_same_after_a_stop() {
    Site::new().goes_its_way(&["--any-port"]);
}

#[test]
fn a_directory_of_somebody_elses_is_left_alone() {
    let site = Site::new();
    std::fs::create_dir(&site.dir).unwrap();
    std::fs::write(site.dir.join("precious"), "x").unwrap();
    site.run(&["--any-port", "--sqlite"]).coded(1).says("is there and not of this script");
    site.run(&["--down", "--purge"]).coded(1).says("nothing was made");
    std::fs::remove_dir_all(&site.dir).unwrap();
}
