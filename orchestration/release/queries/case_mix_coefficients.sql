-- A number's coefficient is for one unit of it, a small part of a scale point.
select
    coefficients.instrument_code,
    coefficients.version,
    coefficients.language,
    coefficients.informant,
    coefficients.collection_mode,
    coefficients.stage,
    coefficients.covariate,
    coefficients.category,
    round(coefficients.value, case when coefficients.category is null then 4 else 2 end)
        as estimate,
    round(coefficients.lower95, case when coefficients.category is null then 4 else 2 end)
        as lower95,
    round(coefficients.upper95, case when coefficients.category is null then 4 else 2 end)
        as upper95,
    case
        when
            not is_few_of(
                coefficients.share_missing,
                models.n_clients + models.n_clients_therapist_unknown
            )
            then round(coefficients.share_missing * 20) / 20
    end as share_missing,
    round(coefficients.reliability, 2) as reliability,
    coefficients.reason as null_reason
from benchmark.case_mix_coefficients as coefficients
inner join benchmark.case_mix_models as models
    using (instrument_code, version, language, informant, collection_mode, stage)
