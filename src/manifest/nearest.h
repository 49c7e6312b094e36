#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace theater {

/// Edits that turn one text into the other: insert, delete or replace a byte, or swap two neighbours
/// (Damerau-Levenshtein with no edit inside a swapped pair).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that a person most likely meant, or nothing when all are too far away: more than a third of the longer
/// word's bytes, or more than three edits. The first of equals wins.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace theater
