"""The sentences of every reason in French (``gateway.safety.texts``).

They are those of a French-speaking intensive care unit, in the infinitive of its instructions: brassard
(cuff), saturation tissulaire (StO2), pression systolique, passerelle (gateway).
"""

from gateway.model import Reason
from gateway.safety.wording import Wording

FR: dict[Reason, Wording] = {
    Reason.NO_REQUEST: Wording("Aucun gonflage n'est demandé."),
    Reason.PLANNED: Wording("Comme prévu."),
    Reason.ISCHAEMIA_DEBT: Wording("Le membre n'est pas reperfusé depuis assez longtemps.", "Attendre."),
    Reason.BLOOD_PRESSURE_MISSING: Wording(
        "Aucune pression artérielle n'a été saisie.", "La mesurer, puis `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_STALE: Wording(
        "La pression artérielle date de plus de 5 minutes.", "La mesurer, puis `rvos session pressure`."
    ),
    Reason.BLOOD_PRESSURE_OUT_OF_RANGE: Wording(
        "La pression systolique est hors de 90-180 mmHg ou la pression moyenne sous 65 mmHg.",
        "Aucun gonflage ne commence ; mesurer de nouveau plus tard ou arrêter la séance.",
    ),
    Reason.JOURNAL_PENDING: Wording("L'autorisation est en cours d'écriture.", "Attendre."),
    Reason.NOT_DEFLATED_YET: Wording("Le brassard est encore au-dessus de 15 mmHg.", "Attendre."),
    Reason.OTHER_LIMB_DEFLATED: Wording(
        "Le brassard d'un autre membre a été dégonflé il y a moins d'une minute.", "Attendre."
    ),
    Reason.CONTRACTION_PAUSE: Wording("Le muscle se repose entre deux contractions.", "Attendre."),
    Reason.NOT_ARMED: Wording("Aucune séance n'est en cours.", "Lancer `rvos session start`."),
    Reason.TARGET_ABOVE_CEILING: Wording(
        "La pression cible dépasse le plafond ; elle est refusée, non réduite.",
        "Arrêter la séance, ou continuer quand la pression artérielle aura baissé.",
    ),
    Reason.TARGET_BELOW_SYSTOLIC: Wording(
        "La cible n'occlurait pas : sous la systolique + 20 mmHg, ou sous ce que ce membre a demandé.",
        "Mesurer la tension, puis de nouveau la pression d'occlusion, ou choisir une autre prescription.",
    ),
    Reason.PLANNED_TIME_TOO_LONG: Wording(
        "L'occlusion prévue dure plus de 300 s.", "Choisir une autre prescription."
    ),
    Reason.REQUEST_CHANGED: Wording(
        "Ce qui est demandé n'est pas ce qui a été autorisé.", "Le signaler : c'est un défaut du logiciel."
    ),
    Reason.TARGET_NEEDS_LIMB_PRESSURE: Wording(
        "Au-dessus de 250 mmHg, il faut une pression d'occlusion du membre mesurée dans cette séance.",
        "La mesurer, ou choisir une autre prescription.",
    ),
    Reason.NOT_READY: Wording("Une vérification préalable manque.", "Compléter les vérifications."),
    Reason.BUDGET_SPENT: Wording(
        "La durée permise de pression ou de stimulation est épuisée pour l'instant.",
        "Arrêter la séance ; `rvos patient show` dit ce qui reste.",
    ),
    Reason.HISTORY_UNKNOWN: Wording(
        "Cette passerelle ne connaît pas les dernières 24 heures du patient.",
        "Les saisir avec `rvos patient history` ou `rvos patient import`.",
    ),
    Reason.TOO_MANY_SESSIONS: Wording(
        "Le patient a eu trois séances en 24 heures.",
        "Attendre ; `rvos patient show` dit quand la prochaine peut commencer.",
    ),
    Reason.TOO_SOON_AFTER_SESSION: Wording(
        "La dernière séance du patient s'est terminée il y a moins de 4 heures.",
        "Attendre ; `rvos patient show` dit quand la prochaine peut commencer.",
    ),
    Reason.STIMULATION_ABOVE_LIMIT: Wording(
        "La stimulation demandée dépasse une limite.", "Choisir une autre prescription."
    ),
    Reason.STIMULATION_RISE_TOO_FAST: Wording(
        "Le courant devait monter plus vite que permis.", "L'augmenter par plus petits pas."
    ),
    Reason.STIMULATION_NOT_CONFIGURED: Wording(
        "Ce site n'a pas fixé les plafonds de la stimulation.",
        "Compléter [stimulator] dans la configuration.",
    ),
    Reason.OVER_PRESSURE: Wording("La pression du brassard a dépassé sa limite."),
    Reason.OCCLUSION_TIME: Wording("Le membre est resté occlus trop longtemps."),
    Reason.CUFF_STATUS_LOST: Wording(
        "Le contrôleur du brassard ne répond plus.", "Vérifier son câble et son alimentation."
    ),
    Reason.SENSOR_MISSING: Wording("Un capteur de pression ne donne aucune valeur."),
    Reason.SENSOR_OUT_OF_RANGE: Wording("Un capteur de pression donne une valeur impossible."),
    Reason.SENSORS_DISAGREE: Wording(
        "Les deux capteurs de pression ne concordent pas.", "Chercher un tuyau coudé."
    ),
    Reason.UNEXPECTED_PRESSURE: Wording("Le brassard est sous pression sans que personne ne l'ait demandé."),
    Reason.INFLATION_TOO_SLOW: Wording(
        "Le brassard n'a pas atteint sa pression cible à temps.", "Chercher une fuite."
    ),
    Reason.PRESSURE_LOST: Wording(
        "La pression du brassard est tombée sous la systolique + 20 mmHg pendant l'occlusion.",
        "Chercher une fuite.",
    ),
    Reason.DEFLATION_FAILED: Wording(
        "Le brassard ne s'est pas dégonflé : débrancher le tuyau au niveau du brassard."
    ),
    Reason.DEVICE_FAULT: Wording("Le contrôleur du brassard signale un défaut."),
    Reason.DEVICE_RESET: Wording("Le contrôleur du brassard a redémarré."),
    Reason.DEVICE_REFUSED: Wording("Le contrôleur a refusé un ordre de gonflage ou de stimulation."),
    Reason.CYCLE_LATE: Wording("La passerelle est restée bloquée trop longtemps."),
    Reason.TIME_REVERSED: Wording("L'horloge de la passerelle a reculé."),
    Reason.JOURNAL_FAILED: Wording("L'enregistrement ne peut pas être écrit.", "Vérifier le disque."),
    Reason.CORE_RESTARTED: Wording("La passerelle a redémarré pendant une séance."),
    Reason.RESTARTS_TOO_MANY: Wording(
        "La passerelle a redémarré trois fois en 30 minutes.", "Appeler le technicien."
    ),
    Reason.VENOUS_CONGESTION: Wording("Le sang est entré dans le membre sans pouvoir en sortir."),
    Reason.REPERFUSION_FAILED: Wording(
        "La saturation tissulaire n'est pas remontée une minute après le dégonflage.",
        "Retirer le brassard, examiner la couleur et le pouls du membre.",
    ),
    Reason.WRONG_LIMB: Wording(
        "La saturation baisse dans l'autre membre : le brassard est-il sur le bon membre ?"
    ),
    Reason.ELECTRODE_FAULT: Wording(
        "Le stimulateur signale un défaut d'électrode.", "Examiner la peau et les électrodes."
    ),
    Reason.STIMULATOR_LOST: Wording(
        "Le stimulateur ne répond plus.", "Vérifier son câble et son alimentation."
    ),
    Reason.STIMULATOR_UNEXPECTED: Wording(
        "Le stimulateur fait ce que personne n'a demandé.", "Débrancher son câble d'électrodes."
    ),
    Reason.STATUS_TOO_RARE: Wording(
        "Trop peu de messages viennent du contrôleur du brassard.", "Vérifier son câble."
    ),
    Reason.STATUS_MISSING: Wording(
        "Beaucoup de messages du contrôleur du brassard se perdent.", "Vérifier son câble."
    ),
    Reason.STATUS_DAMAGED: Wording(
        "Beaucoup de messages du contrôleur du brassard sont altérés.",
        "Vérifier son câble, et ce qui passe à côté.",
    ),
    Reason.DEVICE_CLOCK: Wording(
        "Les messages du contrôleur du brassard arrivent en retard, ou son horloge est fausse.",
        "Vérifier son câble ; si cela se répète, appeler le technicien.",
    ),
    Reason.SENSOR_STUCK: Wording(
        "Un capteur de pression reste figé alors que la pression change.", "Appeler le technicien."
    ),
    Reason.STOPPED_BY_OPERATOR: Wording("Une personne a arrêté la séance."),
    Reason.STOPPED_AT_BEDSIDE: Wording("Le bouton au lit du patient a arrêté la séance."),
    Reason.STOPPED_BY_PATIENT: Wording("Le bouton du patient a arrêté la séance."),
    Reason.INTOLERABLE: Wording(
        "Le score de douleur a arrêté la séance.",
        "Interroger le patient ; la reprise reste possible pendant une heure.",
    ),
    Reason.PATIENT_CLEARED: Wording(
        "Le patient a été libéré de l'appareil ; rien ne reprend sans nouvelles vérifications préalables."
    ),
    Reason.CORE_STOPPED: Wording("Le service a été arrêté."),
    Reason.TISSUE_SATURATION_LOST: Wording(
        "L'oxymètre ne donne aucune valeur.", "Vérifier son capteur et son câble."
    ),
    Reason.PRESSURE_DEVIATION: Wording(
        "Le brassard est à plus de 15 mmHg de sa pression cible.", "Examiner le brassard et le tuyau."
    ),
    Reason.CUFF_NOT_REMOVED: Wording(
        "Le brassard est encore sur le membre.", "Le retirer, puis `rvos session cuff-removed`."
    ),
    Reason.LINK_LOST: Wording(
        "Rien ne transmet l'enregistrement à l'unité de soins.",
        "Vérifier que `rvos link` fonctionne et joint son serveur MQTT.",
    ),
    Reason.CUFF_ABSENT: Wording(
        "Le contrôleur du brassard ne répond pas.", "Vérifier son câble et son alimentation."
    ),
    Reason.OCCLUSION_UNVERIFIED: Wording(
        "La saturation tissulaire ne montre pas que le membre est occlus.",
        "Vérifier la sonde et le brassard ; le cycle compte comme non vérifié.",
    ),
    Reason.LEAK: Wording("La pompe travaille trop pour tenir la pression.", "Chercher une fuite."),
    Reason.RESIDUAL_PRESSURE: Wording(
        "Le brassard dégonflé comprime encore un peu le membre.",
        "Ouvrir le brassard ou débrancher son tuyau.",
    ),
    Reason.TARGET_FAR_ABOVE_SYSTOLIC: Wording(
        "Le brassard dépasse la pression systolique de plus de 100 mmHg.",
        "Arrêter la séance, ou mesurer la pression d'occlusion du membre.",
    ),
    Reason.PAIN_SCORE_DUE: Wording(
        "Un score de douleur est à relever.", "Interroger le patient, puis `rvos session pain`."
    ),
    Reason.ANNUNCIATOR_LOST: Wording(
        "Le voyant et l'avertisseur sonore de la passerelle ne répondent plus.",
        "Rester à portée d'oreille du contrôleur du brassard ; appeler le technicien.",
    ),
    Reason.WAVEFORM_LOST: Wording(
        "Des échantillons de cette séance ne sont pas enregistrés.",
        "La séance peut continuer ; appeler le technicien (disque plein ?).",
    ),
    Reason.STIMULATION_HELD: Wording(
        "Aucune réponse du muscle : la stimulation est suspendue.",
        "Arrêter ; vérifier électrodes et câble, appuyer sur le bouton, reprendre avec --resume.",
    ),
    Reason.RESPONSE_MISSING: Wording(
        "Aucune réponse du muscle au courant le plus élevé, ou à un courant auquel il répondait.",
        "Vérifier électrodes, câble et stimulateur ; arrêter avant de réparer un câble.",
    ),
    Reason.PULSES_MISSING: Wording(
        "Le stimulateur donne des impulsions, et l'EMG du muscle n'en montre aucune.",
        "Vérifier câbles, électrodes et stimulateur ; arrêter avant de réparer un câble.",
    ),
    Reason.FORCE_LOST: Wording(
        "Le capteur de force se tait, ou sa valeur ne bouge plus.", "Vérifier le capteur et son câble."
    ),
    Reason.EMG_LOST: Wording(
        "L'EMG du muscle stimulé se tait, est parasité, ou sature.",
        "Vérifier ses électrodes, leur distance des électrodes de stimulation, et le câble.",
    ),
    Reason.BLOOD_PRESSURE_CHANGED: Wording(
        "La systolique du module diffère de plus de 30 mmHg de la dernière saisie par une personne.",
        "La mesurer à la main, puis `rvos session pressure` ; rien ne gonfle avant.",
    ),
    Reason.BLOOD_PRESSURE_NOT_TAKEN: Wording(
        "Le module n'a pas pu mesurer la pression artérielle.",
        "Examiner son brassard ; mesurer à la main, puis `rvos session pressure`.",
    ),
    Reason.BLOOD_PRESSURE_MODULE_LOST: Wording(
        "Le module de pression artérielle ne répond pas.",
        "Mesurer à la main, puis `rvos session pressure` ; vérifier son câble et son alimentation.",
    ),
    Reason.FREE_LIMB_NOT_DEFLATED: Wording(
        "On ne sait pas si le brassard du module de pression artérielle, sur le membre libre, est vide.",
        "Examiner ce membre ; débrancher le tuyau de ce brassard.",
    ),
    Reason.ALGOMETER_UNEXPECTED: Wording(
        "L'algomètre fait ce que personne n'a demandé.",
        "Appuyer sur son bouton d'arrêt ; retirer son brassard du membre.",
    ),
}
