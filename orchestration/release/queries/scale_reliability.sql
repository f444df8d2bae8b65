-- Small cells have no row there. Classes are those of complete forms, which the figures are of.
select
    *,
    shown_least(n_clients_complete) as n_clients_at_least,
    shown_least(n_forms_complete) as n_forms_at_least
from (
    select * exclude (n_forms) replace (
        round(alpha_pairwise, 2) as alpha_pairwise,
        round(alpha_complete, 2) as alpha_complete,
        round(alpha_lower95, 2) as alpha_lower95,
        round(alpha_upper95, 2) as alpha_upper95,
        round(omega, 2) as omega,
        round(omega_lower95, 2) as omega_lower95,
        round(omega_upper95, 2) as omega_upper95,
        round(item_rest, 2) as item_rest,
        round(item_rest_lower95, 2) as item_rest_lower95,
        round(item_rest_upper95, 2) as item_rest_upper95,
        round(alpha_if_dropped, 2) as alpha_if_dropped,
        round(loading, 2) as loading,
        round(loading_congruence, 2) as loading_congruence
    )
    from benchmark.scale_reliability
)
