//! In what clients differ that all call themselves LwM2M: when they apply what they are sent, and what they refuse.
//!
//! Spec sheets `bootstrap.md`, section 16, and `clients.md`, section 1.

/// How a simulated client takes what the server does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Whether changes last only once Finish has been answered with 2.04, as in Anjay; else they last at once, as in
    /// Wakaama, Zephyr and Leshan's client.
    pub commits_at_finish: bool,
    /// Whether an instance with a resource that the client does not know is answered with 4.00, as Wakaama does; the
    /// specification has it ignored.
    pub refuses_unknown_resources: bool,
    /// Whether there is an object 2.
    pub has_access_control: bool,
}

impl Default for Behaviour {
    /// That of Leshan's client.
    fn default() -> Behaviour {
        Behaviour { commits_at_finish: false, refuses_unknown_resources: false, has_access_control: true }
    }
}
