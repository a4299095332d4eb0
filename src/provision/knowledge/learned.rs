//! [`LearnedKnowledge`]: what one device has shown, apart from what it was told of its kind; and [`agreed`]: what the
//! devices of a model have shown together.
//!
//! A session starts from what is known of the device and of its kind together, and reports all that is known from then
//! on. Of this only the device's own part may count for its kind: what was inherited would confirm itself for ever.

use serde::{Deserialize, Serialize};

use super::{ClientKnowledge, Fact};
use crate::provision::definition::is_default;

/// So many devices must have shown a thing before it is taken for granted of other devices of their model: one device
/// that is odd, or that lies, changes nothing for the others.
const AGREEING: usize = 3;

/// So many facts of one device are kept at most.
const MAX_FACTS: usize = 96;

/// What the sessions of one device have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnedKnowledge {
    /// What it has shown itself.
    #[serde(skip_serializing_if = "is_default")]
    pub shown: ClientKnowledge,
    /// What was taken for granted when it was last written to, and has not turned out wrong.
    #[serde(skip_serializing_if = "is_default")]
    pub inherited: ClientKnowledge,
    /// What was taken for granted and has turned out wrong.
    #[serde(skip_serializing_if = "is_default")]
    pub refuted: ClientKnowledge,
}

/// What a session starts from, kept until it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inheritance {
    /// Name of the device's model.
    pub model: Option<String>,
    /// What was known of the device.
    pub device: LearnedKnowledge,
    /// What is known of its kind.
    pub kind: ClientKnowledge,
}

impl LearnedKnowledge {
    /// What is known of the device as far as its own sessions have shown.
    pub fn own(&self) -> ClientKnowledge {
        self.shown.clone().or(&self.inherited)
    }
}

impl Inheritance {
    /// What the session starts from: what is known of the device, and where that is silent, what is known of its kind.
    pub fn together(&self) -> ClientKnowledge {
        self.device.own().or(&self.kind.without(&self.device.refuted))
    }

    /// What is to be kept of the device, of which `now` is known after the session.
    pub fn learn(&self, now: &ClientKnowledge) -> LearnedKnowledge {
        let mut facts = now.facts();
        facts.truncate(MAX_FACTS);
        let own = self.device.shown.facts();
        let given = self.together().facts();
        let is_inherited = |fact: &Fact| given.contains(fact) && !own.contains(fact);
        let (inherited, shown): (Vec<Fact>, Vec<Fact>) = facts.iter().partition(|fact| is_inherited(fact));
        let refuted = self.device.refuted.facts();
        let refuted = refuted.iter().chain(given.iter().filter(|fact| !own.contains(fact)));
        let refuted: Vec<Fact> = refuted.filter(|fact| !facts.contains(fact)).take(MAX_FACTS).copied().collect();
        LearnedKnowledge {
            shown: ClientKnowledge::of_facts(shown),
            inherited: ClientKnowledge::of_facts(inherited),
            refuted: ClientKnowledge::of_facts(refuted),
        }
    }
}

/// What holds of a model: what at least three of these devices have shown, and more than have shown otherwise. A device
/// that inherited it and found nothing against it counts for neither side.
pub fn agreed(devices: &[LearnedKnowledge]) -> ClientKnowledge {
    let devices: Vec<[Vec<Fact>; 2]> = devices.iter().map(|it| [it.shown.facts(), it.inherited.facts()]).collect();
    let holds = |fact: &Fact| {
        let shown = devices.iter().filter(|[shown, _]| shown.contains(fact)).count();
        let inherited = devices.iter().filter(|[_, inherited]| inherited.contains(fact)).count();
        shown >= AGREEING && shown > devices.len() - shown - inherited
    };
    let facts = devices.iter().flat_map(|[shown, _]| shown).copied();
    ClientKnowledge::of_facts(facts.filter(|fact| may_be_shared(*fact) && holds(fact)))
}

/// Whether a few devices may speak for others. None of them takes Access Control from another, or has it written to in
/// so small portions that its time runs out.
fn may_be_shared(fact: Fact) -> bool {
    const SMALLEST: u32 = 64;
    match fact {
        Fact::LacksAccessControl => false,
        Fact::BlockSize(bytes) => u32::from(bytes) >= SMALLEST,
        Fact::LargestPayload(bytes) => bytes >= SMALLEST,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::tests::everything;
    use super::{ClientKnowledge, Inheritance, LearnedKnowledge, MAX_FACTS, agreed};
    use crate::lwm2m::ContentFormat;

    fn block_size(bytes: u16) -> ClientKnowledge {
        ClientKnowledge { block_size: Some(bytes), ..ClientKnowledge::default() }
    }

    fn refuses_discover() -> ClientKnowledge {
        ClientKnowledge { refuses_discover: true, ..ClientKnowledge::default() }
    }

    fn shown(shown: ClientKnowledge) -> LearnedKnowledge {
        LearnedKnowledge { shown, ..LearnedKnowledge::default() }
    }

    #[test]
    fn a_device_is_known_by_itself_first_and_by_its_kind_where_it_is_silent() {
        let kind = ClientKnowledge { refuses_discover: true, ..block_size(64) };
        let start = Inheritance { device: shown(block_size(256)), kind, model: None };
        assert_eq!(start.together(), ClientKnowledge { refuses_discover: true, ..block_size(256) });
    }

    #[test]
    fn a_few_devices_take_nothing_from_others_that_protects_them() {
        let harm = ClientKnowledge {
            lacks_access_control: true,
            largest_payload: Some(16),
            refuses_read: true,
            ..block_size(32)
        };
        let told = agreed(&[shown(harm.clone()), shown(harm.clone()), shown(harm)]);
        assert_eq!(told, ClientKnowledge { refuses_read: true, ..ClientKnowledge::default() });
        let small = shown(ClientKnowledge { largest_payload: Some(64), ..block_size(64) });
        assert_eq!(agreed(&[small.clone(), small.clone(), small.clone()]), small.shown);
    }

    #[test]
    fn what_was_inherited_is_told_apart_from_what_was_shown() {
        let start = Inheritance { kind: refuses_discover(), ..Inheritance::default() };
        let now = start.together().or(&block_size(64));
        let learned = start.learn(&now);
        assert_eq!((&learned.shown, &learned.inherited), (&block_size(64), &refuses_discover()));
        assert_eq!(learned.own(), now);
        // It stays inherited in later sessions, and what the device has shown stays its own, whatever its kind says.
        let again = Inheritance { device: learned.clone(), kind: block_size(64), model: None };
        assert_eq!(again.learn(&again.together()), learned);
    }

    #[test]
    fn what_turned_out_wrong_is_not_inherited_again_until_the_device_shows_it() {
        let start = Inheritance { kind: refuses_discover(), ..Inheritance::default() };
        let device = start.learn(&ClientKnowledge::default());
        assert_eq!((device.own(), &device.refuted), (ClientKnowledge::default(), &refuses_discover()));
        let next = Inheritance { device, ..start };
        assert_eq!(next.together(), ClientKnowledge::default());
        let device = next.learn(&refuses_discover());
        assert_eq!(device, shown(refuses_discover()));
    }

    #[test]
    fn what_a_device_has_shown_and_shows_no_more_is_forgotten() {
        let start = Inheritance { device: shown(everything()), ..Inheritance::default() };
        assert_eq!(start.learn(&block_size(64)), shown(block_size(64)));
    }

    #[test]
    fn one_device_cannot_make_what_is_known_of_it_grow_without_bound() {
        let refused_resources = (0..1000).map(|id| (1, id)).collect();
        let now = ClientKnowledge { refused_resources, ..ClientKnowledge::default() };
        let mut start = Inheritance::default();
        let learned = start.learn(&now);
        assert_eq!(learned.shown.facts().len(), MAX_FACTS);
        start.kind = now;
        assert_eq!(start.learn(&block_size(16)).refuted.facts().len(), MAX_FACTS);
        assert!(serde_json::to_string(&learned).unwrap().len() < 4096);
    }

    #[test]
    fn a_model_is_known_by_three_devices_that_outnumber_the_others() {
        let yes = || shown(refuses_discover());
        let no = || shown(block_size(64));
        let heir = || LearnedKnowledge { inherited: refuses_discover(), ..LearnedKnowledge::default() };
        let unlike = || LearnedKnowledge { refuted: refuses_discover(), ..LearnedKnowledge::default() };
        for (devices, expected) in [
            (vec![yes(), yes()], false),
            (vec![yes(), yes(), yes()], true),
            (vec![yes(), yes(), yes(), unlike()], true),
            (vec![yes(), yes(), yes(), no(), unlike()], true),
            (vec![yes(), yes(), yes(), no(), unlike(), unlike()], false),
            (vec![yes(), yes(), yes(), heir(), heir(), heir(), heir()], true),
            (vec![yes(), yes(), heir(), heir(), heir()], false),
        ] {
            assert_eq!(agreed(&devices).refuses_discover, expected, "{devices:?}");
        }
    }

    #[test]
    fn of_several_values_the_one_that_most_devices_have_holds() {
        let of = |sizes: &[u16]| {
            let devices: Vec<LearnedKnowledge> = sizes.iter().map(|bytes| shown(block_size(*bytes))).collect();
            agreed(&devices).block_size
        };
        assert_eq!(of(&[64, 256, 64, 64]), Some(64));
        assert_eq!(of(&[64, 256, 64, 256, 64, 256]), None);
        let refusing = |formats: &[ContentFormat]| {
            shown(ClientKnowledge { refused_formats: formats.to_vec(), ..ClientKnowledge::default() })
        };
        let one = refusing(&[ContentFormat::SenmlCbor]);
        let two = refusing(&[ContentFormat::SenmlCbor, ContentFormat::Tlv]);
        assert_eq!(agreed(&[one.clone(), two, one]).refused_formats, [ContentFormat::SenmlCbor]);
    }

    #[test]
    fn what_is_kept_reads_back() {
        let learned = LearnedKnowledge {
            shown: everything(),
            inherited: ClientKnowledge::default(),
            refuted: refuses_discover(),
        };
        let text = serde_json::to_string(&learned).unwrap();
        assert!(!text.contains("inherited"), "{text}");
        assert_eq!(serde_json::from_str::<LearnedKnowledge>(&text).unwrap(), learned);
    }
}
