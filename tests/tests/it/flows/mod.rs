//! The two real programs together, as people run them.

mod again;
mod agent;
mod anchor;
mod api;
mod audit;
mod backup;
mod clock_reset;
mod clones;
mod doctor;
mod extension;
mod fleet;
mod host;
mod https;
mod keys;
mod losses;
mod mirrors;
mod mock;
mod offline;
mod pages;
mod permission;
mod refusals;
mod replace;
mod revocation;
mod seats;
mod secrets;
mod serving;
mod settlement;
mod thief;
mod tls;
mod usage;

use brink_tests::{Device, Issuer, Offer, Running, World};

/// An issuer that serves, one tenant with cameras and a pack, and a device that is activated.
struct Scene {
    world: World,
    issuer: Issuer,
    server: Option<Running>,
    url: String,
    offer: Offer,
    device: Device,
}

const TENANT: &str = "tenant-123";
const COUNTING: &str = "analytics/counting";
const NEAR_MISS: &str = "analytics/near_miss";

impl Scene {
    /// Up to an activated device without cameras.
    fn activated(cameras: u32) -> Scene {
        let scene = Scene::offered(cameras);
        scene.device.activate(&scene.url, &scene.offer.code).ok();
        scene
    }

    /// Up to a device with a code that it has not spent.
    fn offered(cameras: u32) -> Scene {
        let world = World::new();
        let issuer = world.issuer();
        issuer.subscribe(TENANT, cameras, &["--pack", "advanced_analytics"]);
        let offer = issuer.offer(TENANT);
        let (server, url) = issuer.serve();
        let device = world.device("edge", &issuer);
        Scene { world, issuer, server: Some(server), url, offer, device }
    }

    /// Two cameras: `cam-1` with `advanced_analytics`, `cam-2` with base alone.
    fn assign_two(&self) {
        self.issuer.assign(&self.offer.device, &["cam-1"], &["advanced_analytics"]);
        self.issuer.assign(&self.offer.device, &["cam-2"], &[]);
    }

    /// From here on the device is alone.
    fn stop_issuer(&mut self) {
        let server = self.server.take().expect("the issuer runs");
        assert!(server.stop().success(), "the issuer did not end cleanly");
    }

    /// One exchange by files carried there and back.
    fn carry(&self) {
        self.carry_for(&self.device);
    }

    fn carry_for(&self, device: &Device) {
        let (request, response) = (self.world.path("carried.req"), self.world.path("carried.resp"));
        let _ = std::fs::remove_file(&response);
        let path = |path: &std::path::Path| path.to_str().expect("a test's paths are UTF-8").to_owned();
        device.run(&["exchange", "--export", &path(&request)]).ok();
        self.issuer.exchange_file(&request, &response).ok();
        device.run(&["exchange", "--import", &path(&response)]).ok();
    }

    fn is_granted(&self, camera: &str, feature: &str) -> bool {
        self.device.verdict(camera, feature).1 == "granted"
    }
}
