#pragma once

#include <string>
#include <vector>

#include "theater/event.h"

namespace theater {

/// One thing in which two events are not alike; both sides in words.
struct EventDifference {
  std::string field;
  std::string first;
  std::string second;
};

/// What two actors' chains are compared by: kind, function, values, state, reasons and messages. Not by times, hashes
/// and fuel, nor by the actors' own ids, wherever those stand: two runs of one program are alike.
class EventComparison {
 public:
  /// The chains' actors.
  EventComparison(const ActorId& first, const ActorId& second);

  /// Empty when they are alike.
  std::vector<EventDifference> differences(const Event& first, const Event& second) const;

 private:
  Bytes second_in_words_of_first(const Bytes& bytes) const;
  bool same(const EventValue& first, const EventValue& second) const;
  bool same(const EventState& first, const EventState& second) const;

  std::string first_id_;
  std::string second_id_;
};

}  // namespace theater
