//! Answers to Finish that do not come at once.

use std::time::Duration;

use super::bench::{Bench, configuration, message, result};
use crate::coap::{Code, Message, MessageType};
use crate::simulator::Failure;
use crate::simulator::behaviour::{Finish, FinishAnswer};

fn client(answer: FinishAnswer) -> Bench {
    let mut configuration = configuration();
    configuration.behaviour.finish = Finish { answer, ..configuration.behaviour.finish };
    Bench::served(configuration)
}

#[test]
fn a_late_answer_comes_in_its_acknowledgement_and_repetitions_wait_for_it() {
    let mut bench = client(FinishAnswer::Late(Duration::from_secs(5)));
    bench.write_example();
    let finish = bench.request(Code::POST, "/bs");
    assert_eq!(bench.hand(&finish.encode()), vec![]);
    assert_eq!(bench.hand(&finish.encode()), vec![], "a repetition");
    let other = bench.request(Code::DELETE, "/1").encode();
    assert_eq!(bench.hand(&other), vec![], "nothing overtakes Finish");
    let outputs = bench.wait();
    assert_eq!(bench.elapsed(), Duration::from_secs(5));
    let answer = message(&outputs[0]);
    assert_eq!((answer.message_type, answer.code, answer.id), (MessageType::Acknowledgement, Code::CHANGED, finish.id));
    assert_eq!(result(outputs[1..].to_vec()).unwrap().accounts().len(), 1);
    assert_eq!(message(&bench.hand(&finish.encode())[0]), answer);
}

#[test]
fn a_separate_answer_is_sent_until_it_is_acknowledged() {
    let mut bench = client(FinishAnswer::Separate(Duration::from_secs(3)));
    bench.write_example();
    let finish = bench.request(Code::POST, "/bs");
    let acknowledgement = Message::empty_acknowledgement(finish.id);
    for _ in 0..2 {
        let outputs = bench.hand(&finish.encode());
        assert_eq!((outputs.len(), message(&outputs[0])), (1, acknowledgement.clone()));
    }
    let outputs = bench.wait();
    assert_eq!((bench.elapsed(), outputs.len()), (Duration::from_secs(3), 1));
    let answer = message(&outputs[0]);
    assert_eq!(
        (answer.message_type, answer.code, answer.token),
        (MessageType::Confirmable, Code::CHANGED, finish.token)
    );
    assert_eq!(bench.wait(), outputs, "sent again");
    let stranger = Message::empty_acknowledgement(answer.id.wrapping_add(1)).encode();
    assert_eq!(bench.hand(&stranger), vec![]);
    let given = result(bench.hand(&Message::empty_acknowledgement(answer.id).encode())).unwrap();
    assert_eq!((given.accounts().len(), given.traffic.retransmissions), (1, 1));
}

#[test]
fn a_separate_answer_that_nobody_acknowledges_counts_all_the_same() {
    let mut bench = client(FinishAnswer::Separate(Duration::ZERO));
    bench.write_example();
    let finish = bench.request(Code::POST, "/bs").encode();
    assert_eq!(bench.hand(&finish).len(), 2);
    for _ in 0..4 {
        assert_eq!(bench.wait().len(), 1);
    }
    assert!(result(bench.wait()).is_ok());
}

#[test]
fn only_refusals_may_be_separate() {
    let mut bench = client(FinishAnswer::SeparateRefusal);
    let finish = bench.request(Code::POST, "/bs");
    let outputs = bench.hand(&finish.encode());
    assert_eq!(message(&outputs[0]), Message::empty_acknowledgement(finish.id));
    let refusal = message(&outputs[1]);
    assert_eq!((refusal.message_type, refusal.code), (MessageType::Confirmable, Code::NOT_ACCEPTABLE));
    assert_eq!(bench.hand(&Message::empty_acknowledgement(refusal.id).encode()), vec![]);
    // The server may repair what was wrong.
    bench.write_example();
    assert_eq!(bench.simple(Code::POST, "/bs").code, Code::CHANGED);
    assert!(result(bench.outputs()).is_ok());

    let mut bench = client(FinishAnswer::SeparateRefusal);
    let finish = bench.request(Code::POST, "/bs").encode();
    let refusal = message(&bench.hand(&finish)[1]);
    bench.hand(&Message::reset(refusal.id).encode());
    assert!(matches!(result(bench.wait()), Err(Failure::Inconsistent { .. })));
}
