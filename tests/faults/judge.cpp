// SPDX-License-Identifier: Apache-2.0

#include "judge.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "damage.hpp"

namespace faults {

namespace {

using namespace std::chrono_literals;

// After patience with it is over a dialog is cancelled, which is bounded: each of its waits by context_cancel_timeout, and they are few.
constexpr auto unwinding_max = 10s;

// --- what happened to the dialog ---

enum class cause : unsigned char {
  nothing_lost,     // everything came, if late or in pieces
  connection_gone,  // both ends know, or will
  no_greeting,      // a direction of it moves nothing before its end has said who it is, which is not waited for without end
  no_progress,      // the connection stands, and a direction of it moves nothing: nobody can know
  no_goodbye,       // the same, at an actor that is told to end, which hangs up when nobody takes its last words
  stuck,            // the connection stands, and a receiver waits for the end of a message that is not so long
  message_gone,     // the connection stands and moves, and a message did not come to whom it was for: nobody can know that either
  message_changed,  // a message came that is another than was sent
  all_slept,        // for longer than any bound
};

const progress& progress_of(const outcome& ended, const fault_at& fault) { return ended.progress[static_cast<std::size_t>(fault.of)]; }

cause cause_of_flipped_bit(const outcome& ended, const fault_at& fault) {
  const progress& made = progress_of(ended, fault);
  // What waited was waiting when patience was over: what has moved since, to cancel it, may have come to the end of a length too large.
  const std::size_t seen = ended.text == "hung" ? made.moved_in_time : made.moved.size();
  if (*made.flipped >= seen) return cause::nothing_lost;
  switch (damage_of(std::span(made.moved).first(seen), *made.flipped)) {
    case damage::refused: return cause::connection_gone;
    case damage::unfinished: return cause::stuck;
    case damage::to_nobody:
    case damage::less_room: return cause::message_gone;
    case damage::changed: return cause::message_changed;
  }
  return cause::nothing_lost;
}

// It was not met, or is one after which everything comes.
bool is_harmless(const outcome& ended, const fault_at& fault) {
  if (fault.timer != 0) return !ended.timer_hit || fault.late <= delay;
  return !progress_of(ended, fault).hit || fault.plan.fault == kind::shorten || fault.plan.fault == kind::delay;
}

cause cause_of(const outcome& ended, const fault_at& fault) {
  if (is_harmless(ended, fault)) return cause::nothing_lost;
  if (fault.timer != 0) return cause::all_slept;
  switch (fault.plan.fault) {
    case kind::cut: return cause::connection_gone;
    case kind::stall:
      if (fault.plan.at == 1) return cause::no_greeting;  // the first message, and the first byte of that
      return ended.server_cancelled ? cause::no_goodbye : cause::no_progress;
    case kind::corrupt: return cause_of_flipped_bit(ended, fault);
    case kind::shorten:
    case kind::delay: break;
  }
  return cause::nothing_lost;
}

// --- what the opener found ---

enum class finding : unsigned char {
  as_ever,
  no_handshake,  // the dialog was not begun
  lost,          // the error that tells of a connection that is gone
  lost_behind,   // the same, from an actor in the middle that has lost the third
  hung,          // it waited until patience was over
  otherwise,
};

std::string to_string(finding found) {
  switch (found) {
    case finding::as_ever: return "as ever";
    case finding::no_handshake: return "without a handshake";
    case finding::lost: return "with the connection lost";
    case finding::lost_behind: return "with the connection behind the middle lost";
    case finding::hung: return "hung";
    case finding::otherwise: return "otherwise";
  }
  return "?";
}

finding finding_of(const outcome& ended, const outcome& undisturbed) {
  if (ended.text == undisturbed.text) return finding::as_ever;
  if (ended.text == "no handshake") return finding::no_handshake;
  if (ended.text == "error:TransportClosed") return finding::lost;
  if (ended.text == "error:RemoteActorError(TransportClosed)") return finding::lost_behind;
  return ended.text == "hung" ? finding::hung : finding::otherwise;
}

// --- what may follow from what ---

struct consequence {
  cause of;
  std::vector<finding> may_be;
  const char* otherwise;  // what is wrong when it is none of these
};
const std::array consequences{
    consequence{cause::nothing_lost, {finding::as_ever}, "nothing was lost"},
    consequence{cause::connection_gone,
                {finding::as_ever, finding::no_handshake, finding::lost, finding::lost_behind},
                "the connection was gone, which both sides see"},
    consequence{cause::no_greeting,
                {finding::as_ever, finding::no_handshake, finding::lost, finding::lost_behind},
                "the connection is given up by who does not learn whose it is"},
    // Whoever waits for a peer that says nothing waits: only the user can know how long is too long.
    consequence{cause::no_progress, {finding::as_ever, finding::hung}, "nothing moved, and nothing else went wrong"},
    consequence{cause::no_goodbye, {finding::as_ever, finding::hung, finding::lost}, "an actor that goes leaves by hanging up"},
    // Who greets so, or is told to end, is hung up on.
    consequence{cause::stuck,
                {finding::as_ever, finding::no_handshake, finding::lost, finding::lost_behind, finding::hung},
                "from some message on nothing came"},
    // Also an item of a stream can be gone: items have no numbers.
    consequence{cause::message_gone,
                {finding::as_ever, finding::no_handshake, finding::lost, finding::lost_behind, finding::hung, finding::otherwise},
                ""},
    // The message is there, so somebody answers it, or ends by it.
    consequence{cause::message_changed,
                {finding::as_ever, finding::no_handshake, finding::lost, finding::lost_behind, finding::otherwise},
                "every message came, if changed, and the dialog waited"},
    consequence{cause::all_slept,
                {finding::as_ever, finding::no_handshake, finding::lost, finding::lost_behind},
                "nothing was lost but what was given up for its silence"},
};

std::string check_finding(const cause of, const finding found) {
  const auto& row = *std::ranges::find(consequences, of, &consequence::of);
  if (std::ranges::find(row.may_be, found) != row.may_be.end()) return {};
  return std::string(row.otherwise) + ", and it ended " + to_string(found);
}

// --- what the endpoints may have seen, by what the opener found ---

enum class bound : unsigned char { same, no_more, none, any };

struct agreement {
  finding found;
  bound returned, failed, cancelled, entered;  // than undisturbed
  const char* why;
};
constexpr std::array agreements{
    // A result or an error of an endpoint is sent when that has ended, so who has it knows how. Of one that the opener leaves, by a cancel
    // or an error of its own, it may not have been heard that it began.
    agreement{finding::as_ever, bound::same, bound::same, bound::no_more, bound::no_more,
              "an endpoint's end is known to who has its outcome"},
    agreement{finding::no_handshake, bound::none, bound::none, bound::none, bound::none, "nobody asked for anything"},
    // An endpoint may have returned and its result be lost; one that would have, or failed, may have been cancelled for the loss.
    agreement{finding::lost, bound::no_more, bound::no_more, bound::any, bound::no_more, "of what is lost nothing more comes"},
    agreement{finding::hung, bound::no_more, bound::no_more, bound::any, bound::no_more, "of what is lost nothing more comes"},
    // That of the middle fails by it, where it would have returned or have been cancelled.
    agreement{finding::lost_behind, bound::no_more, bound::any, bound::any, bound::no_more, "of what is lost nothing more comes"},
    // It was asked for something else, or answered so.
    agreement{finding::otherwise, bound::any, bound::any, bound::any, bound::no_more, "nobody asks for more than before"},
};

bool within(bound limit, int now, int before) {
  switch (limit) {
    case bound::same: return now == before;
    case bound::no_more: return now <= before;
    case bound::none: return now == 0;
    case bound::any: return true;
  }
  return false;
}

std::string check_agreement(const finding found, const record& now, const record& before) {
  const auto& row = *std::ranges::find(agreements, found, &agreement::found);
  const auto wrong = [&](bound limit, int record::* member, const char* name) {
    if (within(limit, now.*member, before.*member)) return std::string();
    return "it ended " + to_string(found) + ", " + row.why + "; but " + std::to_string(now.*member) + " endpoints " + name + ", before " +
           std::to_string(before.*member);
  };
  for (const auto& text : {wrong(row.returned, &record::returned, "returned"), wrong(row.failed, &record::failed, "failed"),
                           wrong(row.cancelled, &record::cancelled, "were cancelled"), wrong(row.entered, &record::entered, "began")})
    if (!text.empty()) return text;
  return {};
}

// Of what brings no wait with it. The clock is virtual, so this is exact: none of the waits that are bounded for the worst was waited out.
bool takes_no_longer(kind fault) { return fault == kind::cut || fault == kind::shorten; }

// Only who is told nothing any more, not even of the end, is left waiting for more.
bool may_wait_for_ever(const fault_at& fault, side of) {
  return fault.plan.fault == kind::stall && fault.plan.where == operation::receive && fault.of == of;
}

}  // namespace

std::string judge(const outcome& ended, const outcome& undisturbed, const fault_at& fault) {
  if (!ended.broken.empty()) return ended.broken;
  const finding found = finding_of(ended, undisturbed);
  if (is_harmless(ended, fault) && ended.record != undisturbed.record) return "nothing was lost, and its endpoints ended otherwise";
  // (Whatever has happened, that is right. To know what takes a while.)
  if (found != finding::as_ever)
    if (const auto wrong = check_finding(cause_of(ended, fault), found); !wrong.empty()) return wrong;
  if (const auto wrong = check_agreement(found, ended.record, undisturbed.record); !wrong.empty()) return wrong;
  if (fault.timer == 0 && takes_no_longer(fault.plan.fault) && ended.took > undisturbed.took) return "it took longer than undisturbed";
  if (ended.unwinding > unwinding_max) return "cancelled, it did not end";
  if (ended.server_had_to_be_ended && !may_wait_for_ever(fault, side::server) && !may_wait_for_ever(fault, side::behind_server))
    return "the server did not see the end";
  if (ended.third_had_to_be_ended) return "the third actor did not see the end";
  return {};
}

}  // namespace faults
