//! Marks of the clock that a host of the group made up, and their mend.

use super::*;
use brink_license::Typ;
use brink_license::clock::{Marks, ResetMark};
use brink_license::exchange::CLOCK_RESET_PATH;
use brink_license::token::ClockResetClaims;
use brink_store::journal::Journal;

/// A challenge, answered at the issuer's time, and accepted.
fn reset(scene: &Scene, device: &mut Device, reading: &Reading) -> Result<Guarded, DeviceError> {
    let challenge = device.clock_challenge(reading)?;
    let (asked, _, key) = scene.issuer.read(&challenge.bytes, CLOCK_RESET_PATH);
    let licence = scene.issuer.licence_claims(key.kid());
    let claims = ClockResetClaims {
        ver: 1,
        iss: licence.iss,
        aud: "brink-edge".into(),
        tenant: licence.tenant,
        dev: licence.dev,
        epoch: licence.epoch,
        jkt: key.kid(),
        nonce: asked.nonce,
        iat: at(60),
        server_time: at(60),
    };
    let token = scene.issuer.receipt.document(Typ::ClockReset, &claims.to_json_bytes().unwrap());
    device.accept_document(&token, reading)?;
    Ok(device.guarded(reading))
}

#[test]
fn what_the_refusal_of_made_up_marks_says_mends_them_though_the_anchor_was_written_meanwhile() {
    for resets in [0, u64::MAX] {
        let (scene, mut device) = Scene::activated();
        device.guarded(&reading());
        let far = at(4000 * DAY);
        let mut forged = Marks::new(far);
        let Reading { boot, boottime, .. } = reading();
        forged.reset(&ResetMark { number: resets, server_time: far, boot, boottime });
        forged.advance(&Reading { wall: far, ..reading() });
        let mut journal = Journal::open(&scene.layout().journal()).unwrap();
        journal.change_marks(|_| (forged, ())).unwrap();
        drop(journal);
        device.remember_at_the_end();
        drop(device);
        if resets > 0 {
            let mut device = Device::open(&scene.layout()).unwrap();
            assert_eq!(reset(&scene, &mut device, &reading()).unwrap_err().code(), "SEQ_JUMP");
            device.remember_at_the_end();
            drop(device);
            for suffix in ["db", "db-wal", "db-shm"] {
                let file = scene.layout().journal().join("journal").with_extension(suffix);
                std::fs::remove_file(file).ok();
            }
        }
        let mut device = Device::open(&scene.layout()).unwrap();
        let mended = reset(&scene, &mut device, &reading()).unwrap();
        assert_eq!((mended.now, mended.flags), (reading().wall, Flags::NONE), "{resets}");
        device.remember_at_the_end();
        drop(device);
        let mut device = Device::open(&scene.layout()).unwrap();
        assert_eq!(device.guarded(&reading()).now, reading().wall, "and it stays mended");
    }
}
