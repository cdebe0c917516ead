//! What other programs make of our key files, and we of theirs, at the real cost. Tools that are absent are skipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test file: its helpers fail and say what they skip"
)]

use brink_signing::{DeviceKey, FileSigner, KeyFile, KeyFileError, KeyUse, Passphrase, Protection, Signer};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A directory with a passphrase file in it.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        // Twice, because OpenSSL takes the second line when input and output name the same file.
        for name in ["passphrase", "passphrase-out"] {
            let mut options = fs::OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(bench.path(name)).unwrap();
            file.write_all(b"a long and winding passphrase\n").unwrap();
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn passphrase(&self) -> Passphrase {
        Passphrase::from_file(self.path("passphrase")).unwrap()
    }

    fn generate(&self, name: &str) -> (KeyFile, FileSigner) {
        let file = KeyFile::at(self.path(name)).unwrap();
        let made = file.generate(KeyUse::License, Protection::Passphrase(&self.passphrase())).unwrap();
        (file, made)
    }

    /// Runs OpenSSL in the directory; `None` when there is none.
    fn openssl(&self, arguments: &[&str]) -> Option<Output> {
        let output = Command::new("openssl").args(arguments).current_dir(&self.dir).output().ok();
        if output.is_none() {
            eprintln!("skipped: no openssl on PATH");
        }
        output
    }

    /// Converts our key with OpenSSL and puts the result in its place.
    fn convert(&self, file: &KeyFile, arguments: &[&str]) -> Option<()> {
        let name = file.path().file_name().unwrap().to_str().unwrap();
        let common = ["pkcs8", "-topk8", "-in", name, "-passin", "file:passphrase", "-out", "converted"];
        expect_success(&self.openssl(&[&common, arguments].concat())?);
        fs::rename(self.path("converted"), file.path()).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        Some(())
    }

    fn load(&self, file: &KeyFile) -> Result<FileSigner, KeyFileError> {
        file.load(KeyUse::License, Protection::Passphrase(&self.passphrase()))
    }
}

fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The last 32 bytes of a SubjectPublicKeyInfo are the key (RFC 8410 section 4).
fn key_of(spki: &[u8]) -> &[u8] {
    &spki[spki.len() - 32..]
}

#[test]
fn openssl_reads_our_encrypted_key_and_signs_the_same() {
    let bench = Bench::new();
    let (file, made) = bench.generate("license-1.key");
    assert_eq!(bench.load(&file).unwrap().kid(), made.kid());

    let open = ["-passin", "file:passphrase"];
    let Some(checked) = bench.openssl(&[&["pkey", "-in", "license-1.key", "-noout"], &open[..]].concat())
    else {
        return;
    };
    expect_success(&checked);
    let public = ["pkey", "-in", "license-1.key", "-pubout", "-outform", "DER"];
    let public = bench.openssl(&[&public, &open[..]].concat()).unwrap();
    expect_success(&public);
    assert_eq!(key_of(&public.stdout), made.public_key().as_bytes());

    fs::write(bench.path("message"), b"message").unwrap();
    let sign = ["pkeyutl", "-sign", "-rawin", "-in", "message", "-inkey", "license-1.key"];
    let signed = bench.openssl(&[&sign, &open[..]].concat()).unwrap();
    expect_success(&signed);
    assert_eq!(signed.stdout, made.sign(b"message").unwrap());
}

#[test]
fn openssl_reads_our_plain_and_device_keys() {
    let bench = Bench::new();
    let file = KeyFile::at(bench.path("root-1.key")).unwrap();
    let root = file.generate(KeyUse::Root, Protection::PlaintextForDevelopment).unwrap();
    let device = DeviceKey::create(bench.path("device.key")).unwrap();
    let signers: [(&str, &dyn Signer); 2] = [("root-1.key", &root), ("device.key", &device)];
    for (name, signer) in signers {
        let Some(public) = bench.openssl(&["pkey", "-in", name, "-pubout", "-outform", "DER"]) else {
            return;
        };
        expect_success(&public);
        assert_eq!(key_of(&public.stdout), signer.public_key().as_bytes());
    }
}

#[test]
fn a_key_encrypted_again_by_openssl_loads_and_other_methods_are_refused_with_the_mend() {
    let bench = Bench::new();
    let (file, made) = bench.generate("license-1.key");
    let mend = ["-v2", "aes-256-cbc", "-scrypt", "-passout", "file:passphrase-out"];
    if bench.convert(&file, &mend).is_none() {
        return;
    }
    assert_eq!(bench.load(&file).unwrap().kid(), made.kid());
    for other in [&["-v2", "aes-256-cbc"][..], &["-v2", "aes-128-cbc", "-scrypt"], &["-v2", "des3"]] {
        bench.convert(&file, &[other, &["-passout", "file:passphrase-out"]].concat()).unwrap();
        let error = bench.load(&file).unwrap_err();
        assert_eq!(error.code(), "KEYFILE_CIPHER", "{other:?}");
        assert!(error.to_string().contains("openssl pkcs8 -topk8 -v2 aes-256-cbc -scrypt"), "{error}");
        // The mend in the message works.
        bench.convert(&file, &mend).unwrap();
        assert_eq!(bench.load(&file).unwrap().kid(), made.kid());
    }
    bench.convert(&file, &["-nocrypt"]).unwrap();
    assert_eq!(bench.load(&file).unwrap_err().code(), "KEYFILE_PLAINTEXT");
}

#[test]
fn keys_of_other_algorithms_are_refused_by_name() {
    let bench = Bench::new();
    let (file, _) = bench.generate("license-1.key");
    let cases: [(&[&str], &str); 5] = [
        (&["-algorithm", "X25519"], "1.3.101.110"),
        (&["-algorithm", "ED448"], "1.3.101.113"),
        (&["-algorithm", "RSA"], "1.2.840.113549.1.1.1"),
        (&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"], "1.2.840.113549.1.1.1"),
        (&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "1.2.840.10045.2.1"),
    ];
    for (arguments, oid) in cases {
        let Some(made) = bench.openssl(&[&["genpkey", "-out", "other"], arguments].concat()) else { return };
        expect_success(&made);
        fs::rename(bench.path("other"), file.path()).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let error = file.load(KeyUse::License, Protection::PlaintextForDevelopment).unwrap_err();
        assert_eq!(error.code(), "KEYFILE_ALGORITHM", "{arguments:?}");
        assert!(error.to_string().contains(oid), "{error}");
    }
}

#[test]
fn python_cryptography_reads_our_keys() {
    let bench = Bench::new();
    let (_, made) = bench.generate("license-1.key");
    let device = DeviceKey::create(bench.path("device.key")).unwrap();
    let script = r#"
import sys
try:
    from cryptography.hazmat.primitives import serialization as s
except ImportError:
    sys.exit(77)
raw = (s.Encoding.Raw, s.PublicFormat.Raw)
passphrase = open("passphrase", "rb").read().rstrip(b"\n")
for name, secret in (("license-1.key", passphrase), ("device.key", None)):
    key = s.load_pem_private_key(open(name, "rb").read(), secret)
    print(key.public_key().public_bytes(*raw).hex())
"#;
    let Ok(output) = Command::new("python3").args(["-c", script]).current_dir(&bench.dir).output() else {
        eprintln!("skipped: no python3 on PATH");
        return;
    };
    if output.status.code() == Some(77) {
        eprintln!("skipped: no cryptography package");
        return;
    }
    expect_success(&output);
    let hex = |signer: &dyn Signer| -> String {
        signer.public_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n{}\n", hex(&made), hex(&device)));
}

#[test]
fn a_passphrase_comes_through_a_descriptor_that_the_shell_opened() {
    let bench = Bench::new();
    let (file, made) = bench.generate("license-1.key");
    let opened = fs::File::open(bench.path("passphrase")).unwrap();
    let number = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(&opened)).unwrap();
    let secret = Passphrase::from_fd(number).unwrap();
    let loaded = file.load(KeyUse::License, Protection::Passphrase(&secret)).unwrap();
    assert_eq!(loaded.kid(), made.kid());
}
