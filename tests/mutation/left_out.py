"""What a disclosure has that cannot be true, or that a form left blank, is read, noted and left out."""

from tests.mutation.row import Edit, Row

_ADMISSION = "streams/domain/admission.py"
_FIELDS = "schemas/fields.py"
_LEFT_OUT = "tests/unit/test_left_out_values.py::"

ROWS = (
    Row(
        "An age that is nobody's is left out",
        _ADMISSION,
        (Edit('None if _fault_of_age(subject["age"]) else subject["age"]', 'subject["age"]'),),
        (f"{_LEFT_OUT}test_an_age_that_is_nobodys_is_noted_and_asked_for",),
    ),
    Row(
        "An age that software writes is left out",
        _ADMISSION,
        (Edit(" if is_no_age(age) else None", " if age is None else None"),),
        (f"{_LEFT_OUT}test_an_age_that_is_nobodys_is_noted_and_asked_for",),
    ),
    Row(
        "A point that cannot be true is left out",
        _ADMISSION,
        (Edit('known_location(subject["location"])', 'subject["location"]'),),
        (f"{_LEFT_OUT}test_a_point_that_cannot_be_true_is_noted_and_left_out",),
    ),
    Row(
        "Latitude 0 with longitude 0 is a placeholder",
        "streams/domain/locations.py",
        (Edit(" if (latitude, longitude) in POINTS else None", " if latitude is location else None"),),
        (f"{_LEFT_OUT}test_a_point_that_cannot_be_true_is_noted_and_left_out",),
    ),
    Row(
        "No agency gets a point that cannot be true",
        "services/agency_profiles/projection.py",
        (Edit("known_location(held.location.model_dump())", "held.location.model_dump()"),),
        ("tests/unit/test_projections.py::test_no_agency_gets_a_point_that_cannot_be_true",),
    ),
    Row(
        "The empty date of birth of a form is noted",
        _FIELDS,
        (Edit("return EMPTY_BIRTH if isinstance(value, str) and not value.strip(_PADDING) else ", "return "),),
        (f"{_LEFT_OUT}test_a_blank_date_of_birth_is_noted_and_asked_for",),
    ),
    Row(
        "An empty word of a form is absent",
        _FIELDS,
        (Edit('lambda given: None if given == "" else given, json', "lambda given: given, json"),),
        (f"{_LEFT_OUT}test_a_blank_word_of_a_form_is_absent",),
    ),
    Row(
        "The padding of a time is passed over",
        _FIELDS,
        (Edit("_TIME.fullmatch(value.strip(_PADDING))", "_TIME.fullmatch(value)"),),
        (f"{_LEFT_OUT}test_padding_of_a_time_a_date_and_an_id_is_passed_over",),
    ),
    Row(
        "The padding of an id is passed over",
        _FIELDS,
        (Edit("    value = value.strip(_PADDING)\n", ""),),
        (f"{_LEFT_OUT}test_padding_of_a_time_a_date_and_an_id_is_passed_over",),
    ),
)
